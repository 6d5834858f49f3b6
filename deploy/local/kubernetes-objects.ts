import { setTimeout as delay } from 'node:timers/promises';
import { connectKube, isUnknownKind } from '../../activities/control/kube/client.ts';
import { KubeObjectStore } from '../../workers/kube/object-store.ts';
import { kinds } from '../../crds/registry.ts';
import { until } from './wait.ts';

/** An API server that has just started answers "try again" for some seconds. */
const boundMs = 15_000;
/** One that is frozen does not answer at all. */
const answerMs = 5_000;
/** Enough to recognise them by. */
const named = 5;

/** Some of the objects that a cluster keeps, as `kind/name`; undefined when it does not answer. */
export async function kubernetesObjects(kubeconfig: string): Promise<string[] | undefined> {
  const store = new KubeObjectStore(connectKube(kubeconfig));
  let found: string[] | undefined;
  const list = async (): Promise<boolean> => {
    const lists = await Promise.all(kinds.map(({ kind }) => listOf(store, kind)));
    const objects = lists.flat();
    found = objects.slice(0, named).map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`);
    return true;
  };
  const answered = () => Promise.race([list().catch(() => false), delay(answerMs, false, { ref: false })]);
  await until(answered, boundMs, { everyMs: 500 });
  return found;
}

async function listOf(store: KubeObjectStore, kind: string) {
  return store.list(kind, undefined).catch((error: unknown) => {
    if (isUnknownKind(error)) return [];
    throw error;
  });
}
