import { configured } from '../../workers/lib/config.ts';
import type { ObjectStore } from './object-store.ts';

export async function kubeStore(kubeconfig: string): Promise<ObjectStore> {
  // Loaded only when needed: it doubles the start of every other verb.
  const [{ connectKube }, { KubeObjectStore }] = await Promise.all([
    import('../../activities/control/kube/client.ts'),
    import('../../workers/kube/object-store.ts'),
  ]);
  return new KubeObjectStore(configured('SEDNA_KUBECONFIG', () => connectKube(kubeconfig)));
}
