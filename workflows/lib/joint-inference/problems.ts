/** What is wrong with the workers of a role, worst first. Pure. */
import { nodeProblem } from '../../node.ts';
import type { Problem } from '../failures.ts';
import { checkSlot, frontSlot, workerSlot } from '../worker-set/operations.ts';
import type { Member } from '../worker-set/state.ts';
import { pairProblem } from './pair.ts';
import { setOf } from './chain.ts';
import { assess, hardExampleDataset } from './situation.ts';
import type { Role, ServiceView } from './state.ts';

/** So many restarts are no accident any more. */
const loops = 2;

/** What keeps a role from serving as it should, or from all that it is asked for. */
export function roleProblem(view: ServiceView, role: Role): Problem | undefined {
  return needProblem(view, role) ?? workerProblem(view, role) ?? sideProblem(view, role);
}

/** What a role lacks before its workers can start, or start anew. */
export function needProblem(view: ServiceView, role: Role): Problem | undefined {
  const set = setOf(view.own, role);
  return (
    assess(view, role).problem ??
    set.verdict?.problem ??
    view.operations.problem(checkSlot(role)) ??
    pairProblem(view, role)
  );
}

/** Of the first replica that fails; of the newest revision before those that it replaces. */
export function workerProblem(view: ServiceView, role: Role): Problem | undefined {
  const members = setOf(view.own, role)
    .members.filter(({ draining }) => draining !== true)
    .reverse();
  for (const member of members) {
    const problem = memberProblem(view, member);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

export function memberProblem(view: ServiceView, { name, seen }: Member): Problem | undefined {
  const problem = view.operations.problem(workerSlot(name)) ?? seen?.problem;
  if (problem?.reason !== 'WorkerFailed' || (seen?.restarts ?? 0) < loops) return problem;
  return { reason: 'CrashLoopBackOff', message: `${problem.message}; it is started again and again` };
}

/** Workers may serve all the same. */
function sideProblem(view: ServiceView, role: Role): Problem | undefined {
  const { node, front } = setOf(view.own, role);
  const found =
    (node === undefined ? undefined : nodeProblem(view, node)) ??
    view.operations.problem(frontSlot(role)) ??
    front?.problem;
  if (found !== undefined || role !== 'edge' || node === undefined) return found;
  return hardExampleDataset(view, node).problem;
}
