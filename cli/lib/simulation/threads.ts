/** Threads that play clients. A thread that dies takes the simulation with it: nothing here is worth keeping. */
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Answer, ThreadData, Turn } from './protocol.ts';

export class ClientThreads {
  readonly #idle: Worker[] = [];
  readonly #all: Worker[];
  readonly #waiting: ((thread: Worker) => void)[] = [];
  #broken: Error | undefined;

  private constructor(all: Worker[]) {
    this.#all = all;
    this.#idle = [...all];
  }

  /** Resolves when every thread has its estimator. */
  static async start(count: number, data: ThreadData): Promise<ClientThreads> {
    const script = new URL(`./client-thread${extname(import.meta.url)}`, import.meta.url);
    const all = Array.from({ length: count }, () => new Worker(script, { workerData: data }));
    try {
      await Promise.all(all.map((thread) => next(thread)));
    } catch (error) {
      await Promise.all(all.map((thread) => thread.terminate()));
      throw error;
    }
    return new ClientThreads(all);
  }

  async play(turn: Turn): Promise<Exclude<Answer, { failed: string }>> {
    if (this.#broken) throw this.#broken;
    const thread = this.#idle.pop() ?? (await new Promise<Worker>((free) => this.#waiting.push(free)));
    try {
      thread.postMessage(turn);
      const answer = (await next(thread)) as Answer;
      if ('failed' in answer) throw new Error(answer.failed);
      return answer;
    } catch (error) {
      this.#broken ??= error as Error;
      throw error;
    } finally {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#idle.push(thread);
      else waiting(thread);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map((thread) => thread.terminate()));
  }
}

/** Its next message. No bound: training takes as long as it takes, and a person who waits can interrupt. */
function next(thread: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const exited = (code: number): void =>
      reject(new Error(`a thread that trains ended with code ${code}: does the module end the process?`));
    thread.once('message', (message) => {
      thread.off('error', reject).off('exit', exited);
      resolve(message);
    });
    thread.once('error', reject).once('exit', exited);
  });
}
