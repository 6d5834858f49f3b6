import type { ClientNews, TrainClientInput } from '../../contracts.ts';
import type { EntitySignaller } from '../../lib/signaller.ts';
import type { Problem } from '../../../workflows/lib/failures.ts';
import type { WorkerView } from '../runtime.ts';
import { isSaidAgain, News } from './news.ts';

/** A worker that runs for so long without asking for its task is one that does not know of tasks. */
const strangerMs = 120_000;

/** A client that answers within this has nothing to tell but its answer; each piece of news costs a signal, and a write of status. */
const firstAfterMs = 500;

const mendedByTime: ReadonlySet<string> = new Set(['DiskFull', 'BlobStoreUnreachable', 'Error']);

type Steps = Pick<NonNullable<WorkerView['progress']>, 'step' | 'total'>;

/** Tells a run how its client gets on. */
export class ClientTeller {
  readonly #news: News<ClientNews>;
  readonly #base: Pick<ClientNews, 'client' | 'round' | 'node'>;
  readonly #before: WorkerView['progress'];
  readonly #since = performance.now();
  #state: ClientNews['state'] = 'Starting';
  #problem: Problem | undefined;
  #told: Steps | undefined;
  readonly #attempt: number;
  #spoke = false;
  readonly #quiet: boolean;
  #hadProblem = false;

  /** `before`: progress of the worker that is not of this task. `attempt`: of the activity, from 1. */
  constructor(
    signaller: EntitySignaller,
    { listener, identity, quiet = false }: TrainClientInput,
    { node, before, attempt }: { node: string; before: WorkerView['progress']; attempt: number },
  ) {
    this.#news = new News(signaller, listener, { firstAfterMs });
    this.#base = { client: identity.client, round: identity.round, node };
    this.#before = before;
    this.#attempt = attempt;
    this.#quiet = quiet;
    this.#tell();
  }

  training(): void {
    this.#state = 'Training';
    this.#problem = undefined;
    this.#tell();
  }

  retrying(problem: Problem): void {
    this.#state = 'Retrying';
    this.#problem = problem;
    this.#tell();
  }

  /** Looks at the worker; gives its progress in this task. */
  observe(view: WorkerView | undefined): WorkerView['progress'] {
    const progress = view?.progress === this.#before ? undefined : view?.progress;
    if (this.#state === 'Starting' && performance.now() - this.#since > strangerMs) {
      const message = `${view?.name ?? 'the worker'} has not asked for its task; does its program call FederatedLearning.train?`;
      this.#problem = { reason: 'NoReport', message };
    }
    if (this.#state === 'Training' && progress !== undefined && this.#isDue(progress)) this.#told = progress;
    this.#tell();
    return progress;
  }

  /** The last words before a failure. What nothing but time mends is said ever more rarely, so that days of it do not fill the job's history. */
  async failing(problem: Problem): Promise<void> {
    if (mendedByTime.has(problem.reason) && !this.#spoke && !isSaidAgain(this.#attempt)) return;
    this.retrying(problem);
    await this.#news.flush();
  }

  close(): void {
    this.#news.close();
  }

  /** Every tenth of the way: each piece of news is an event in the history of the job. */
  #isDue({ step, total }: Steps): boolean {
    const tenth = (of: Steps): number => Math.floor((10 * of.step) / Math.max(1, of.total));
    return this.#told === undefined || tenth({ step, total }) !== tenth(this.#told);
  }

  #tell(): void {
    // Another attempt begins as the one before ended: why that was stays said until the worker is at its task.
    if (this.#attempt > 1 && this.#state === 'Starting' && this.#problem === undefined) return;
    this.#hadProblem ||= this.#problem !== undefined;
    if (this.#quiet && !this.#hadProblem) return;
    this.#spoke = true;
    const progress = this.#state === 'Training' ? this.#told : undefined;
    this.#news.tell({
      ...this.#base,
      state: this.#state,
      ...(progress === undefined ? {} : { step: progress.step, total: progress.total }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    });
  }
}
