/** The worker's side of tasks: a resident worker asks its local controller what to do, and answers. */
import { setTimeout as delay } from 'node:timers/promises';
import { postOnce } from './post.ts';
import { request } from './request.ts';
import { workerTask } from './task-protocol.ts';
import type { TaskResult, WorkerTask } from './task-protocol.ts';

export interface TaskClientOptions {
  /** How long a local controller may be away before this worker gives up, in ms. Default: 60 000, as for reports. */
  awayForMs?: number;
  /** First pause between two attempts, in ms; it doubles up to `longestDelayMs`. Default: 100. */
  delayMs?: number;
  /** Default: 3000. */
  longestDelayMs?: number;
  /** Limit of one long-poll, in ms; above the 25 s that the local controller waits. Default: 35 000. */
  pollMs?: number;
}

/** The local controller cannot be reached, or does not take what this worker says. */
export class TaskError extends Error {
  override name = 'TaskError';
}

const answerMs = 60_000;

/** One per worker. A local controller that restarts is waited for; who waits longer than `awayForMs` gets a `TaskError`. */
export class TaskClient {
  readonly #server: string;
  readonly #url: string;
  readonly #options: Required<TaskClientOptions>;

  constructor(lcServer: string, workerName: string, options: TaskClientOptions = {}) {
    this.#server = lcServer;
    this.#url = `${lcServer}/sedna/workers/${encodeURIComponent(workerName)}/tasks`;
    this.#options = { awayForMs: 60_000, delayMs: 100, longestDelayMs: 3000, pollMs: 35_000, ...options };
  }

  /** Waits, as long as it takes, for a task. One whose answer got lost on the way is given again. */
  async next(signal?: AbortSignal): Promise<WorkerTask> {
    for (;;) {
      const text = await this.#trying(() => this.#poll('', signal), signal);
      if (text !== undefined) return this.#parse(text);
    }
  }

  /** Delivers an answer. Once this resolves the local controller has stored it. */
  async answer(id: string, result: TaskResult, signal?: AbortSignal): Promise<void> {
    const url = `${this.#url}/${encodeURIComponent(id)}`;
    await this.#trying(async () => {
      const { delivered, problem } = await postOnce(url, result, { timeoutMs: answerMs, signal });
      return delivered ? { value: undefined } : { problem: problem ?? 'no answer' };
    }, signal);
  }

  /** Resolves when nobody waits for the answer to this task any more, because it was withdrawn or another one took its place. */
  async obsolete(id: string, signal: AbortSignal): Promise<void> {
    const query = `?working=${encodeURIComponent(id)}`;
    while ((await this.#trying(() => this.#poll(query, signal), signal)) === undefined);
  }

  async #poll(query: string, signal?: AbortSignal): Promise<Attempt<string | undefined>> {
    try {
      const { status, text } = await request(this.#url + query, { timeoutMs: this.#options.pollMs, signal });
      if (status === 204) return { value: undefined };
      if (status === 200) return { value: text };
      return { problem: `answered ${status} ${text.slice(0, 200)}`.trim() };
    } catch (error) {
      signal?.throwIfAborted();
      return { problem: (error as Error).message };
    }
  }

  async #trying<T>(attempt: () => Promise<Attempt<T>>, signal?: AbortSignal): Promise<T> {
    const { awayForMs, delayMs, longestDelayMs } = this.#options;
    let since: number | undefined;
    for (let wait = delayMs; ; wait = Math.min(2 * wait, longestDelayMs)) {
      const outcome = await attempt();
      if ('value' in outcome) return outcome.value;
      since ??= performance.now();
      if (performance.now() + wait > since + awayForMs) {
        throw new TaskError(`the local controller at ${this.#server} did not answer: ${outcome.problem}`);
      }
      await delay(wait, undefined, { signal });
    }
  }

  #parse(text: string): WorkerTask {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (error) {
      throw new TaskError(`${this.#url}: the task is not JSON`, { cause: error });
    }
    const parsed = workerTask.safeParse(body);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new TaskError(`${this.#url}: not a task: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
}

type Attempt<T> = { value: T } | { problem: string };
