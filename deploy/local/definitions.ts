/** Our definitions in a cluster. Import it where there is one: client-node doubles the start of what has none. */
import { connectKube } from '../../activities/control/kube/client.ts';
import { installCrds, missingCrds, readCrds } from '../../workers/kube/crds.ts';

/** Those of a folder's `*.yaml` files. Idempotent. */
export async function installDefinitions(kubeconfig: string, dir: string): Promise<void> {
  await installCrds(connectKube(kubeconfig), dir);
}

/** Names of those of the folder, and which of them the cluster does not serve. */
export async function findDefinitions(
  kubeconfig: string,
  dir: string,
): Promise<{ names: string[]; missing: string[] }> {
  const names = readCrds(dir).map(({ metadata }) => metadata.name);
  return { names, missing: await missingCrds(connectKube(kubeconfig), names) };
}
