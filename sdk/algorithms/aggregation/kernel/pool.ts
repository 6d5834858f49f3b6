import { Worker } from 'node:worker_threads';
import { digestFile, type Digest } from '../../../storage/digest.ts';
import { BlockRunner } from './block-runner.ts';
import type { Answer, Request, Result } from './thread.ts';

interface Job {
  request: Request;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

const THREAD = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);

/** Threads that each run one request at a time. They keep the process alive only while they have work. */
export class Pool {
  readonly #workers = new Map<Worker, Job | undefined>();
  readonly #queue: Job[] = [];
  readonly #runner: BlockRunner | undefined;

  /** Without threads, segments run in the caller's. */
  constructor({ threads, wasm }: { threads: number; wasm: boolean }) {
    if (threads === 0) this.#runner = new BlockRunner({ wasm });
    for (let i = 0; i < threads; i++) this.#start(wasm);
  }

  get size(): number {
    return Math.max(1, this.#workers.size);
  }

  run(request: Exclude<Request, { digest: string }>): Promise<Float64Array | undefined> {
    if (this.#runner) return this.#inline(this.#runner, request);
    return this.#ask(request) as Promise<Float64Array | undefined>;
  }

  async digest(file: string): Promise<Digest> {
    if (this.#runner) return digestFile(file);
    // An error loses its code on its way out of a thread.
    return (this.#ask({ digest: file }) as Promise<Digest>).catch(() => digestFile(file));
  }

  #ask(request: Request): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, resolve, reject });
      this.#feed();
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#workers.keys()].map((worker) => worker.terminate()));
  }

  async #inline(runner: BlockRunner, request: Request): Promise<Float64Array | undefined> {
    if (!('segment' in request)) throw new Error('a mean in memory needs threads');
    return runner.run(request.segment);
  }

  #start(wasm: boolean): void {
    const worker = new Worker(THREAD, { workerData: { wasm } });
    worker.unref();
    this.#workers.set(worker, undefined);
    worker.on('message', ({ result, error }: Answer) => {
      const job = this.#end(worker);
      if (error === undefined) job?.resolve(result);
      else job?.reject(error);
      this.#feed();
    });
    // Out of memory and the like: its job fails, and the others too when no thread is left.
    worker.on('error', (error) => {
      this.#end(worker)?.reject(error);
      this.#workers.delete(worker);
      if (this.#workers.size === 0) for (const job of this.#queue.splice(0)) job.reject(error);
    });
  }

  #end(worker: Worker): Job | undefined {
    const job = this.#workers.get(worker);
    this.#workers.set(worker, undefined);
    worker.unref();
    return job;
  }

  #feed(): void {
    for (const [worker, job] of this.#workers) {
      if (job) continue;
      const next = this.#queue.shift();
      if (!next) return;
      this.#workers.set(worker, next);
      worker.ref();
      worker.postMessage(next.request);
    }
  }
}
