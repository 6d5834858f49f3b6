import { Worker } from 'node:worker_threads';
import { BigModelError } from './big-model.ts';
import type { PixelsAnswer } from './pixels-thread.ts';

const THREAD = new URL(import.meta.url.endsWith('.ts') ? './pixels-thread.ts' : './pixels-thread.js', import.meta.url);
/** Images that wait, as many as requests of a model; who has no time left leaves the line when its turn comes. */
const MOST_WAITING = 256;

/** Lists the pixels of image files in a thread, one at a time. The thread starts with the first one, and again after it broke. */
export class PixelsClient {
  #worker: Worker | undefined;
  #running: { resolve: (answer: PixelsAnswer) => void; reject: (error: Error) => void } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** The JSON. Rejects with a {@link BigModelError}, `refused` where the file is to blame, and with the signal's reason. */
  async textOf(file: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    if (this.#waiting >= MOST_WAITING) throw new BigModelError(`${MOST_WAITING} images wait already for the big model`);
    this.#waiting++;
    const turn = this.#last.then(() => {
      signal.throwIfAborted();
      return this.#list(file);
    });
    this.#last = turn.catch(() => undefined);
    try {
      const answer = await turn;
      if ('text' in answer) return answer.text;
      throw new BigModelError(`the image ${answer.problem}`, { refused: true });
    } finally {
      this.#waiting--;
    }
  }

  /** Those that wait have their turn before. */
  async close(): Promise<void> {
    await this.#last;
    await this.#worker?.terminate();
  }

  #list(file: Uint8Array): Promise<PixelsAnswer> {
    const worker = (this.#worker ??= this.#start());
    // The file may be a piece of a large request, all of which would be copied.
    const copy = new Uint8Array(file);
    return new Promise<PixelsAnswer>((resolve, reject) => {
      this.#running = { resolve, reject };
      worker.ref();
      worker.postMessage(copy, [copy.buffer]);
    }).finally(() => worker.unref());
  }

  #start(): Worker {
    const worker = new Worker(THREAD);
    worker.on('message', (answer: PixelsAnswer) => this.#running?.resolve(answer));
    const broke = (problem: string): void => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#running?.reject(new BigModelError(`the thread that lists pixels ${problem}`));
    };
    worker.on('error', (error) => broke(`failed: ${(error as Error).message}`));
    worker.on('exit', () => broke('ended'));
    return worker;
  }
}
