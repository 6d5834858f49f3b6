/** Takes the set of a role towards what is wanted now; first what must be known before. */
import type { Operation } from '../operations.ts';
import { frontName, replicaName } from '../ids.ts';
import { currentModel } from '../versions.ts';
import { advance } from '../worker-set/advance.ts';
import { checkOperation, workerSlot, type SetContext } from '../worker-set/operations.ts';
import type { RevisionWorker } from '../worker-set/state.ts';
import { mayStart } from './addresses.ts';
import { mayJoin, verdictKeyOf } from './pair.ts';
import { assess, type RoleSituation } from './situation.ts';
import type { Role, ServiceView } from './state.ts';
import { wantedReplicas } from './wanted.ts';
import { digestOf, workerOf } from './workers.ts';

/** While somebody has paused the service, or where nothing is known, all stays as it is. */
export function change(view: ServiceView, role: Role, context: SetContext): void {
  const { own } = view;
  const { set, owner } = context;
  const { situation } = assess(view, role);
  const { node } = situation ?? set;
  if (own.mode === 'pause' || node === undefined) return;
  if (!own.nodes.includes(node)) own.nodes = [...own.nodes, node];

  const { worker, check } = fitWorker(view, role, context, situation);
  set.pending = check.length > 0;
  const wanted = { node, replicas: wantedReplicas(view, role) };
  advance(set, worker === undefined ? wanted : { ...wanted, worker, digest: digestOf(view, role, worker) }, {
    replica: (number) => replicaName(owner, role, number),
    front: frontName(owner, role),
    failed: (name) => view.operations.problem(workerSlot(name)) !== undefined,
  });
}

/** Looks at its model, where that is to be done before a worker may have it. */
export function checks(view: ServiceView, role: Role, context: SetContext): Operation[] {
  if (view.own.mode === 'pause') return [];
  return fitWorker(view, role, context, assess(view, role).situation).check;
}

/** A model that was not found fit never reaches a worker: what serves goes on serving. */
function fitWorker(
  view: ServiceView,
  role: Role,
  context: SetContext,
  situation: RoleSituation | undefined,
): { worker?: RevisionWorker; check: Operation[] } {
  const worker = situation === undefined || view.own.mode === 'stop' ? undefined : workerOf(view, role, situation);
  if (situation === undefined || worker === undefined) return { check: [] };
  const { manifest, template } = worker;
  const model = currentModel(situation.model);
  const key = verdictKeyOf(view, role, situation);
  const { verdict } = context.set;
  if (verdict?.key !== key) {
    const input = { model, worker: { manifest, template } };
    return { check: [checkOperation(context, situation.node, key, input)] };
  }
  return verdict.problem === undefined && mayJoin(view, role) && mayStart(view, role)
    ? { worker, check: [] }
    : { check: [] };
}
