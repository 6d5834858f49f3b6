/** Tasks of resident workers, one after the other for each; answers are kept in files. Offers end with the process: whoever asked asks again. */
import { EventEmitter } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { taskFiles, type TaskBoard } from '../../activities/edge/tasks.ts';
import { bootId, writeFileAtomic } from '../../sdk/storage/index.ts';
import { taskResult, type TaskResult, type WorkerTask } from '../../sdk/worker/task-protocol.ts';
import type { Owner } from '../../workflows/lib/ids.ts';

interface Offer {
  task: WorkerTask;
  taken: () => void;
  unkept: (error: unknown) => void;
}

/** A power cut may have spoilt the file that an answer of before speaks of. */
interface StoredAnswer {
  boot?: string | undefined;
  result: unknown;
}

/** Of one worker; it is at one of them at most. */
const keptWithdrawn = 100;

/** What a worker that is at a task is told: it may go on, or nobody wants it any more. */
export type Standing = 'wanted' | 'obsolete';

/** An answer that cannot be taken; the message says why. */
export class AnswerRefused extends Error {
  override name = 'AnswerRefused';
}

export class NodeTaskBoard implements TaskBoard {
  readonly #stateDir: string;
  readonly #ownerOf: (worker: string) => Owner | undefined;
  /** By worker, oldest first. */
  readonly #offers = new Map<string, Offer[]>();
  /** By worker: tasks that were taken back, for workers that are still at them. */
  readonly #withdrawn = new Map<string, Set<string>>();
  readonly #events = new EventEmitter().setMaxListeners(0);

  /** `ownerOf`: of a worker that this node knows. */
  constructor(stateDir: string, ownerOf: (worker: string) => Owner | undefined) {
    this.#stateDir = stateDir;
    this.#ownerOf = ownerOf;
  }

  offer(
    worker: string,
    task: WorkerTask,
    taken = (): void => undefined,
    unkept: Offer['unkept'] = () => undefined,
  ): () => void {
    const offers = this.#offers.get(worker) ?? [];
    if (task.kind === 'end') for (const { task: other } of offers) this.#takeBack(worker, other.id);
    this.#withdrawn.get(worker)?.delete(task.id);
    const before = this.#others(worker, task.id);
    const offer = { task, taken, unkept };
    this.#offers.set(worker, [...before, offer]);
    this.#events.emit(worker);
    return () => {
      if (this.#offers.get(worker)?.includes(offer)) this.withdraw(worker, task.id);
    };
  }

  withdraw(worker: string, id: string): void {
    this.#takeBack(worker, id);
    this.#events.emit(worker);
  }

  offered(worker: string): string[] {
    return (this.#offers.get(worker) ?? []).map(({ task }) => task.id);
  }

  async answer(owner: Owner, worker: string, id: string, signal: AbortSignal): Promise<TaskResult> {
    for (;;) {
      // Listening begins before the look, so that nothing comes in between.
      const changed = this.#changed(worker, signal);
      const found = await this.answered(owner, worker, id);
      if (found !== undefined) return found;
      await changed;
      if (signal.aborted) await new Promise(() => undefined);
    }
  }

  async answered(owner: Owner, worker: string, id: string): Promise<TaskResult | undefined> {
    try {
      const text = await readFile(taskFiles(this.#stateDir, owner, worker, id).answer, 'utf8');
      const { boot, result } = JSON.parse(text) as StoredAnswer;
      return boot === bootId() ? taskResult.parse(result) : undefined;
    } catch {
      // Written atomically: what cannot be read is not there, or is of a version that this one does not know.
      return undefined;
    }
  }

  knows(worker: string): boolean {
    return this.#ownerOf(worker) !== undefined;
  }

  /** The task on offer, as soon as there is one; undefined when `signal` is aborted before. */
  async next(worker: string, signal: AbortSignal): Promise<WorkerTask | undefined> {
    while (!signal.aborted) {
      const [offer] = this.#offers.get(worker) ?? [];
      if (offer !== undefined) {
        offer.taken();
        return offer.task;
      }
      await this.#changed(worker, signal);
    }
    return undefined;
  }

  /** For a worker that is at task `id`: resolves to `obsolete` as soon as it is, to `wanted` when `signal` is aborted before. */
  async standing(worker: string, id: string, signal: AbortSignal): Promise<Standing> {
    while (!signal.aborted) {
      if (this.#withdrawn.get(worker)?.has(id)) return 'obsolete';
      await this.#changed(worker, signal);
    }
    return 'wanted';
  }

  /**
   * Takes an answer, also to a task that this process never offered: whoever asked for it comes back. When this resolves the answer
   * is in a file that no death of a process takes away; a power cut ends the worker as well, which is asked again then. The first answer stands. `false`: the worker is not of this node.
   */
  async take(worker: string, id: string, result: TaskResult): Promise<boolean> {
    const owner = this.#ownerOf(worker);
    if (owner === undefined) return false;
    const files = taskFiles(this.#stateDir, owner, worker, id);
    if ((await this.answered(owner, worker, id)) === undefined) {
      try {
        if (result.status === 'completed') await keep(result.file, files.update);
        const stored: StoredAnswer = { boot: bootId(), result };
        await writeFileAtomic(files.answer, JSON.stringify(stored), { flush: false });
      } catch (error) {
        // The worker sends it again, for a while.
        this.#offers
          .get(worker)
          ?.find(({ task }) => task.id === id)
          ?.unkept(error);
        throw error;
      }
    }
    this.#offers.set(worker, this.#others(worker, id));
    this.#events.emit(worker);
    return true;
  }

  #others(worker: string, id: string): Offer[] {
    return (this.#offers.get(worker) ?? []).filter(({ task }) => task.id !== id);
  }

  #takeBack(worker: string, id: string): void {
    this.#offers.set(worker, this.#others(worker, id));
    const withdrawn = this.#withdrawn.get(worker) ?? new Set<string>();
    this.#withdrawn.set(worker, withdrawn.add(id));
    const [oldest] = withdrawn;
    if (withdrawn.size > keptWithdrawn && oldest !== undefined) withdrawn.delete(oldest);
  }

  #changed(worker: string, signal: AbortSignal): Promise<void> {
    return new Promise((done) => {
      const finish = (): void => {
        this.#events.off(worker, finish);
        signal.removeEventListener('abort', finish);
        done();
      };
      if (signal.aborted) return done();
      this.#events.once(worker, finish);
      signal.addEventListener('abort', finish, { once: true });
    });
  }
}

/** An answer must not outlive what it speaks of. Only the file that the task named is ever read. */
async function keep(file: string, expected: string): Promise<void> {
  if (resolve(file) !== expected) throw new AnswerRefused(`file: must be ${expected}, the output of the task`);
  const handle = await open(expected, 'r').catch((error: Error) => {
    throw new AnswerRefused(`file: ${error.message}`);
  });
  try {
    if (!(await handle.stat()).isFile()) throw new AnswerRefused(`file: ${expected} is not a file`);
    if (bootId() === undefined) await handle.sync();
  } finally {
    await handle.close();
  }
}
