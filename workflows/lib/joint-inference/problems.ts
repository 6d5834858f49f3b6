/** What is wrong with the workers of a role, worst first. Pure. */
import { nodeProblem } from '../../node.ts';
import type { Problem } from '../failures.ts';
import { checkSlot, frontSlot, workerSlot } from '../worker-set/operations.ts';
import type { Member } from '../worker-set/state.ts';
import { assess, hardExampleDataset } from './situation.ts';
import type { Role, ServiceView } from './state.ts';

/** So many restarts are no accident any more. */
const loops = 2;

/** What keeps a role from serving as it should. */
export function roleProblem(view: ServiceView, role: Role): Problem | undefined {
  const { own, operations } = view;
  const set = own.sets[role];
  const { problem } = assess(view, role);
  if (problem !== undefined) return problem;
  const found =
    (set.node === undefined ? undefined : nodeProblem(view, set.node)) ??
    set.verdict?.problem ??
    operations.problem(checkSlot(role)) ??
    operations.problem(frontSlot(role)) ??
    workerProblem(view, role) ??
    set.front?.problem;
  if (found !== undefined || role === 'cloud' || set.node === undefined) return found;
  return hardExampleDataset(view, set.node).problem;
}

/** Of the first replica that fails; of the newest revision before those that it replaces. */
export function workerProblem(view: ServiceView, role: Role): Problem | undefined {
  const members = view.own.sets[role].members.filter(({ draining }) => draining !== true).reverse();
  for (const member of members) {
    const problem = memberProblem(view, member);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export function memberProblem(view: ServiceView, { name, seen }: Member): Problem | undefined {
  const problem = view.operations.problem(workerSlot(name)) ?? seen?.problem;
  if (problem?.reason !== 'WorkerFailed' || (seen?.restarts ?? 0) < loops) return problem;
  return { reason: 'CrashLoopBackOff', message: `${problem.message} (started again ${seen?.restarts} times)` };
}
