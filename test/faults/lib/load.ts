import { setTimeout as delay } from 'node:timers/promises';
import { CpuWait } from './machine.ts';

const periodMs = 50;
const deadlineMs = 1_500;
/** Finding processes costs some milliseconds: not before every request. */
const lookMs = 1_000;

export interface LoadResult {
  requests: number;
  answered: number;
  /** Longest time in which nobody got an answer: from the first request that failed to the next good answer, or one slow answer. */
  longestGapMs: number;
  /** The same without what the worker and whoever starts it again waited for a CPU. */
  longestOwnGapMs: number;
  /** Versions in the order in which they were seen: a served version never comes back. */
  versions: string[];
}

export interface LoadTarget {
  url: () => Promise<string | undefined>;
  /** Processes that an answer depends on. */
  pids: () => number[];
  pixels: number;
}

/** Asks the inference server 20 times a second and remembers what it answers. */
export class Load {
  readonly #target: LoadTarget;
  readonly #body: string;
  #running = true;
  #url: string | undefined;
  #finding = false;
  #done: Promise<void> = Promise.resolve();
  readonly #result: LoadResult = { requests: 0, answered: 0, longestGapMs: 0, longestOwnGapMs: 0, versions: [] };
  /** Start of the first request of a row of failures; nothing counts before the first answer. */
  #failing: { since: number; wait: CpuWait } | undefined;
  #pids: number[] = [];
  #lookedAt = -Infinity;

  constructor(target: LoadTarget) {
    this.#target = target;
    const { pixels } = target;
    const data = Array.from({ length: pixels }, (_, i) => (i % 7) / 7);
    this.#body = JSON.stringify({ inputs: [{ name: 'input', datatype: 'FP32', shape: [1, pixels], data }] });
  }

  start(): this {
    this.#done = this.#run();
    return this;
  }

  async stop(): Promise<LoadResult> {
    this.#running = false;
    await this.#done;
    return this.#result;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      const began = performance.now();
      const version = this.#url === undefined ? undefined : await this.#ask(this.#url);
      if (version === undefined) void this.#find();
      await delay(Math.max(0, began + periodMs - performance.now()));
    }
  }

  /** While nobody says where it is now, it is asked for where it was. */
  async #find(): Promise<void> {
    if (this.#finding) return;
    this.#finding = true;
    this.#url = (await this.#target.url().catch(() => undefined)) ?? this.#url;
    this.#finding = false;
  }

  async #ask(url: string): Promise<string | undefined> {
    this.#result.requests += 1;
    if (performance.now() - this.#lookedAt > lookMs) this.#look();
    const began = { since: performance.now(), wait: new CpuWait(this.#pids) };
    try {
      const answer = await fetch(`${url}/v2/models/digits/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: this.#body,
        signal: AbortSignal.timeout(deadlineMs),
      });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const { model_version: version } = (await answer.json()) as { model_version: string };
      this.#answered(this.#failing ?? began, version);
      return version;
    } catch {
      if (this.#result.answered > 0) this.#failing ??= began;
      return undefined;
    }
  }

  #look(): void {
    this.#pids = this.#target.pids();
    this.#lookedAt = performance.now();
  }

  #answered({ since, wait }: { since: number; wait: CpuWait }, version: string): void {
    const result = this.#result;
    const gap = Math.round(performance.now() - since);
    if (this.#failing !== undefined) this.#look();
    this.#failing = undefined;
    result.answered += 1;
    result.longestGapMs = Math.max(result.longestGapMs, gap);
    const own = Math.max(0, Math.round(gap - wait.until(this.#pids)));
    result.longestOwnGapMs = Math.max(result.longestOwnGapMs, own);
    if (result.versions.at(-1) !== version) result.versions.push(version);
  }
}
