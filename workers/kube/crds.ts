import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { serverSideApply, statusCode, type Kube } from '../../activities/control/kube/client.ts';

const FIELD_MANAGER = 'sedna';

interface CrdManifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
}

/** All CustomResourceDefinitions of a folder's `*.yaml` files, by name. Throws, naming the file, on anything else in them. */
export function readCrds(dir: string): CrdManifest[] {
  const files = readdirSync(dir).filter((file) => file.endsWith('.yaml'));
  return files.sort().flatMap((file) =>
    parseAllDocuments(readFileSync(join(dir, file), 'utf8')).map((document) => {
      const crd = document.toJS() as Partial<CrdManifest> | null;
      if (crd?.kind !== 'CustomResourceDefinition' || !crd.metadata?.name) {
        throw new Error(`${join(dir, file)}: not a CustomResourceDefinition; generate it again with npm run generate`);
      }
      return crd as CrdManifest;
    }),
  );
}

/**
 * Installs or upgrades the CustomResourceDefinitions of a folder by server-side apply (field manager `sedna`) and waits until
 * each is Established, at most `boundMs` over all. Idempotent; the caller repeats it after an error. Returns their names.
 */
export async function installCrds(kube: Kube, dir: string, boundMs = 30_000): Promise<string[]> {
  const deadline = performance.now() + boundMs;
  const crds = readCrds(dir);
  await Promise.all(crds.map((crd) => applyCrd(kube, crd, deadline)));
  await Promise.all(crds.map((crd) => waitEstablished(kube, crd.metadata.name, deadline)));
  return crds.map((crd) => crd.metadata.name);
}

/** Which of the named CustomResourceDefinitions the server does not serve. */
export async function missingCrds(kube: Kube, names: string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const name of names) if (!(await isEstablished(kube, name))) missing.push(name);
  return missing;
}

async function applyCrd(kube: Kube, crd: CrdManifest, deadline: number): Promise<void> {
  for (;;) {
    try {
      await kube.extensions.patchCustomResourceDefinition(
        { name: crd.metadata.name, body: crd, fieldManager: FIELD_MANAGER, force: true },
        serverSideApply,
      );
      return;
    } catch (error) {
      // 409: another writer was faster; 5xx and no answer: the server is still starting. Everything else is a bad manifest.
      const code = statusCode(error);
      const again = code === undefined || code === 409 || code === 429 || code >= 500;
      if (!again || performance.now() > deadline) {
        throw new Error(`${crd.metadata.name}: the API server refused the definition (${code ?? 'no answer'})`, {
          cause: error,
        });
      }
      await delay(100);
    }
  }
}

async function waitEstablished(kube: Kube, name: string, deadline: number): Promise<void> {
  while (!(await isEstablished(kube, name))) {
    if (performance.now() > deadline) {
      throw new Error(`${name}: not Established in time; see kubectl describe crd ${name}`);
    }
    await delay(50);
  }
}

async function isEstablished(kube: Kube, name: string): Promise<boolean> {
  try {
    const crd = await kube.extensions.readCustomResourceDefinition({ name });
    return crd.status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
  } catch (error) {
    if (statusCode(error) === 404) return false;
    throw error;
  }
}
