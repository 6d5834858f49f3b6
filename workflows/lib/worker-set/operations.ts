/** What a set has going on its nodes: a front, one activity per replica, those that are let go, and the check of its model. */
import { sleep } from '@temporalio/workflow';
import type { KeepFrontInput, Listener, ModelSource } from '../../../activities/contracts.ts';
import { control, errand, resident } from '../activities.ts';
import type { Owner } from '../ids.ts';
import type { View } from '../kind.ts';
import type { Operation } from '../operations.ts';
import { selectorKey } from '../surroundings.ts';
import { forget } from './advance.ts';
import type { SetState } from './state.ts';

/** A node that is silent for longer is taken for gone where another one may take its place. */
const goneAfter = '30s';

export interface SetContext {
  owner: Owner;
  role: string;
  set: SetState;
  listen: (slot: string) => Listener;
}

export const workerSlot = (name: string): string => `worker ${name}`;
export const frontSlot = (role: string): string => `front ${role}`;
export const checkSlot = (role: string): string => `check ${role}`;
export const metricsSlot = (name: string): string => `metrics of ${name}`;

/** One per replica: it stays for as long as the replica is wanted, and is let go by another one. */
export function memberOperations({ set, owner, listen }: SetContext): Operation[] {
  const { node } = set;
  if (node === undefined) return [];
  return set.members.map(({ name, draining, revision }) => {
    if (draining === true) {
      const run = async (): Promise<void> => {
        await errand(node, `let ${name} go`).drainWorkers({ owner, workers: [name] });
        forget(set, name);
      };
      return { slot: `drain ${name}`, key: name, run };
    }
    const run = async (): Promise<void> => {
      const worker = set.revisions[revision]?.worker;
      if (worker === undefined) return;
      await resident(node, `serve ${name}`).serveWorker({
        listener: listen(workerSlot(name)),
        worker: { ...worker, name, revision: String(revision) },
      });
    };
    return { slot: workerSlot(name), key: name, run };
  });
}

export function frontOperation(
  { set, role, listen }: SetContext,
  input: Omit<KeepFrontInput, 'listener'>,
  /** Equal for equal fronts: an edit that changes nothing of one does not touch it. */
  digest: string,
): Operation[] {
  const { node } = set;
  if (node === undefined) return [];
  const run = (): Promise<void> =>
    resident(node, `front of ${role} on ${node}`).keepFront({ ...input, listener: listen(frontSlot(role)) });
  return [{ slot: frontSlot(role), key: JSON.stringify([node, digest]), run }];
}

/**
 * What was left behind on other nodes; a node that is away does it when it is back. `cleared`: for what else is to be done on a node whose
 * workers have ended; begun anew when the set moves on meanwhile.
 */
export function leftOperations(
  { set, owner, role }: SetContext,
  cleared?: (node: string) => Promise<void>,
): Operation[] {
  return set.left.map(({ node, workers }, i) => {
    const run = async (): Promise<void> => {
      await errand(node, `remove what was left on ${node}`).drainWorkers({ owner, workers });
      await cleared?.(node);
      set.left = set.left.filter((left) => left.node !== node || left.workers.join() !== workers.join());
    };
    return { slot: `left ${i} of ${role} on ${node}`, key: [...workers, set.node].join(' '), run };
  });
}

/** Key of a verdict: the same model on the same node is judged once. */
export function verdictKey(node: string, model: ModelSource, digest: string): string {
  return JSON.stringify([node, model.url, model.format, model.blob?.sha256, digest]);
}

export function checkOperation(
  { set, role }: SetContext,
  node: string,
  key: string,
  input: Parameters<ReturnType<typeof errand>['checkModel']>[0],
): Operation {
  const run = async (): Promise<void> => {
    set.verdict = { key, ...(await errand(node, `check the model of ${role} on ${node}`).checkModel(input)) };
  };
  return { slot: checkSlot(role), key, run };
}

/** Finds another node for a set whose own is gone. Ends for nothing when it comes back: it is then not wanted any more. */
export function moveOperation(
  view: Pick<View<unknown, { placed: Record<string, string> }>, 'own'>,
  { role, set }: SetContext,
  nodeSelector: Record<string, string>,
): Operation[] {
  const { node } = set;
  if (node === undefined) return [];
  const run = async (): Promise<void> => {
    await sleep(goneAfter);
    const other = await control(`find another node than ${node}`).place({ nodeSelector, exclude: [node] });
    view.own.placed = { ...view.own.placed, [selectorKey(nodeSelector)]: other.node };
  };
  return [{ slot: `move ${role}`, key: node, run }];
}
