import { setTimeout as delay } from 'node:timers/promises';

const periodMs = 50;
const deadlineMs = 1_500;

export interface LoadResult {
  requests: number;
  answered: number;
  /** Longest time between two good answers, in milliseconds. */
  longestGapMs: number;
  /** Versions in the order in which they were first and last seen: a served version never comes back. */
  versions: string[];
}

/** Asks the inference server 20 times a second and remembers what it answers. */
export class Load {
  readonly #url: () => Promise<string | undefined>;
  readonly #body: string;
  #running = true;
  #done: Promise<void> = Promise.resolve();
  readonly #result: LoadResult = { requests: 0, answered: 0, longestGapMs: 0, versions: [] };
  /** Of the first answer on: before it nothing was served. */
  #lastGood: number | undefined;

  constructor(url: () => Promise<string | undefined>, pixels: number) {
    this.#url = url;
    const data = Array.from({ length: pixels }, (_, i) => (i % 7) / 7);
    this.#body = JSON.stringify({ inputs: [{ name: 'input', datatype: 'FP32', shape: [1, pixels], data }] });
  }

  start(): void {
    this.#done = this.#run();
  }

  async stop(): Promise<LoadResult> {
    this.#running = false;
    await this.#done;
    this.#note();
    return this.#result;
  }

  async #run(): Promise<void> {
    let url = await this.#url();
    while (this.#running) {
      const began = Date.now();
      const version = url === undefined ? undefined : await this.#ask(url);
      if (version === undefined) url = await this.#url();
      await delay(Math.max(0, began + periodMs - Date.now()));
    }
  }

  async #ask(url: string): Promise<string | undefined> {
    this.#result.requests += 1;
    try {
      const answer = await fetch(`${url}/v2/models/digits/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: this.#body,
        signal: AbortSignal.timeout(deadlineMs),
      });
      if (!answer.ok) return undefined;
      const { model_version: version } = (await answer.json()) as { model_version: string };
      this.#result.answered += 1;
      this.#note();
      if (this.#result.versions.at(-1) !== version) this.#result.versions.push(version);
      return version;
    } catch {
      return undefined;
    }
  }

  #note(): void {
    const now = Date.now();
    this.#result.longestGapMs = Math.max(this.#result.longestGapMs, now - (this.#lastGood ?? now));
    this.#lastGood = now;
  }
}
