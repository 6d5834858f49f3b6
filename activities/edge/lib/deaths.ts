import { failure } from '../../lib/failure.ts';
import type { Problem } from '../../../workflows/lib/failures.ts';
import type { WorkerRuntime } from '../runtime.ts';

/** A worker that dies so often in a row, without getting on in between, does not heal by being started again. */
const mostDeaths = 5;

/** Watches a worker that the runtime keeps starting again. `tooMany` rejects with WorkerFailed, and never resolves. */
export function watchDeaths(
  runtime: WorkerRuntime,
  name: string,
  onDeath: (problem: Problem) => void,
): { tooMany: Promise<never>; leave: () => void } {
  let leave = (): void => undefined;
  const tooMany = new Promise<never>((_resolve, reject) => {
    let counted = '';
    let deaths = 0;
    let furthest = 0;
    leave = runtime.watch(name, (view) => {
      if (view === undefined) return reject(new Error(`${name} was removed while it worked`));
      const step = view.progress?.step ?? 0;
      if (step > furthest) deaths = 0;
      furthest = Math.max(furthest, step);
      const life = `${view.startedAt} ${view.restarts}`;
      if (view.state !== 'exited' || counted === life) return;
      counted = life;
      const problem = view.problem ?? { reason: 'WorkerFailed', message: `${name} ended` };
      onDeath(problem);
      if (++deaths >= mostDeaths) reject(failure('WorkerFailed', `${problem.message} (${deaths} times in a row)`));
    });
  });
  // Whoever races with it may be done before.
  tooMany.catch(() => undefined);
  return { tooMany, leave: () => leave() };
}
