import { ofKubernetes } from './kubernetes-errors.ts';
import { kubeStore } from './kube-store.ts';
import type { ObjectStore } from './object-store.ts';
import { settings } from './settings.ts';

/**
 * The objects alone. In a cluster that asks the API server and nobody else: these verbs work while Temporal is away, and start in half
 * the time, for its client is not loaded.
 */
export async function withObjects(act: (objects: ObjectStore) => Promise<void>): Promise<void> {
  const kubeconfig = process.env['SEDNA_KUBECONFIG'] || settings(process.env).kubeconfig;
  if (kubeconfig === undefined) {
    const { withSession } = await import('./session.ts');
    return withSession(({ objects }) => act(objects));
  }
  try {
    await act(await kubeStore(kubeconfig));
  } catch (error) {
    throw ofKubernetes(error, kubeconfig) ?? error;
  }
}
