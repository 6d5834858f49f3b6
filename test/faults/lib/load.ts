import { setTimeout as delay } from 'node:timers/promises';

const periodMs = 50;
const deadlineMs = 1_500;

export interface LoadResult {
  requests: number;
  answered: number;
  /** Longest time in which nobody got an answer: from the first request that failed to the next good answer, or one slow answer. */
  longestGapMs: number;
  /** Versions in the order in which they were seen: a served version never comes back. */
  versions: string[];
}

/** Asks the inference server 20 times a second and remembers what it answers. */
export class Load {
  readonly #url: () => Promise<string | undefined>;
  readonly #body: string;
  #running = true;
  #done: Promise<void> = Promise.resolve();
  readonly #result: LoadResult = { requests: 0, answered: 0, longestGapMs: 0, versions: [] };
  /** Start of the first request of a row of failures; nothing counts before the first answer. */
  #failingSince: number | undefined;

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
    const began = performance.now();
    try {
      const answer = await fetch(`${url}/v2/models/digits/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: this.#body,
        signal: AbortSignal.timeout(deadlineMs),
      });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const { model_version: version } = (await answer.json()) as { model_version: string };
      this.#answered(began, version);
      return version;
    } catch {
      if (this.#result.answered > 0) this.#failingSince ??= began;
      return undefined;
    }
  }

  #answered(began: number, version: string): void {
    const gap = Math.round(performance.now() - (this.#failingSince ?? began));
    this.#failingSince = undefined;
    this.#result.answered += 1;
    this.#result.longestGapMs = Math.max(this.#result.longestGapMs, gap);
    if (this.#result.versions.at(-1) !== version) this.#result.versions.push(version);
  }
}
