import type { ObjectStore } from '../../../cli/lib/object-store.ts';
import { DemoError } from '../../lib/errors.ts';
import type { Narrator } from '../../lib/narrator.ts';
import { waitFor } from '../../lib/wait.ts';
import { rollup, stageInWords, stagesOf, type JobStatus } from './words.ts';

export const job = { kind: 'IncrementalLearningJob', namespace: 'default', name: 'digits' };

/** Paths in sentences are told as from the working directory. */
const here = `${process.cwd()}/`;

/** Reads the job's status and tells each new stage once. */
export class JobTeller {
  readonly #objects: ObjectStore;
  readonly #narrator: Narrator;
  readonly #signal: AbortSignal;
  readonly #told = new Set<string>();

  constructor(objects: ObjectStore, narrator: Narrator, signal: AbortSignal) {
    this.#objects = objects;
    this.#narrator = narrator;
    this.#signal = signal;
  }

  /** Throws when there is none: nothing here is asked before the job is Available. */
  async status(): Promise<JobStatus> {
    const object = await this.#objects.get(job);
    if (object?.status === undefined) throw new DemoError(`il/${job.name} has no status`, { awaited: 'its status' });
    return object.status as unknown as JobStatus;
  }

  /** Tells what happens until `look` finds what it looks for; a failed round or `boundMs` end it with an error. */
  async follow<T>(awaited: string, boundMs: number, look: (status: JobStatus) => T | undefined): Promise<T> {
    const step = async (): Promise<T | undefined> => {
      const status = await this.status();
      this.#tell(status);
      if (status.phase === 'Failed') {
        throw new DemoError(`the round failed: ${rollup(status, 'Degraded')?.message ?? 'no reason given'}`, {
          awaited,
        });
      }
      return look(status);
    };
    return waitFor(step, { awaited, boundMs, signal: this.#signal });
  }

  #tell(status: JobStatus): void {
    for (const condition of stagesOf(status)) {
      const key = `${condition.stage}/${condition.type}/${condition.lastTransitionTime}`;
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      const sentence = stageInWords(condition, status);
      const node = status.nodes?.[condition.stage?.toLowerCase() as 'train' | 'eval' | 'deploy'] ?? 'job';
      if (sentence !== undefined) this.#narrator.say(node, `${condition.stage}: ${sentence.replace(here, '')}`);
    }
  }
}
