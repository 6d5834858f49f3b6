/** A steady stream of requests against an inference server, each answer checked: what an edge application would notice. */
import { byTheClock } from './by-the-clock.ts';
import { messageOf } from './errors.ts';

export interface LabelledInput {
  label: number;
  /** As the model takes it. */
  input: number[];
}

export interface LoadOptions {
  /** Base address of the server, which must not change while the load runs. */
  url: string;
  model: string;
  requestsPerSecond: number;
  /** Sent in turn. */
  samples: LabelledInput[];
}

/** What one version of the model answered. */
export interface Served {
  version: string;
  requests: number;
  /** Share of answers whose highest score is the label's, 0..1. */
  accuracy: number;
}

/** Above this an answer counts as none, in ms. */
const deadlineMs = 10_000;

/** Sends by the clock. */
export class Load {
  readonly #options: LoadOptions;
  readonly #tallies = new Map<string, { requests: number; right: number }>();
  readonly #stop = new AbortController();
  #sending: Promise<void> = Promise.resolve();
  #sent = 0;
  #dropped = 0;
  #firstProblem: string | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  start(): void {
    const { requestsPerSecond, samples } = this.#options;
    this.#sending = byTheClock(requestsPerSecond, this.#stop.signal, (count) => {
      this.#sent = count;
      return this.#ask(samples[(count - 1) % samples.length] as LabelledInput);
    });
  }

  /** Sends no more, and waits for the answers that are under way. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#sending;
  }

  /** Requests that were not answered with 200 and a well-formed result, or not in time. */
  get dropped(): number {
    return this.#dropped;
  }

  get firstProblem(): string | undefined {
    return this.#firstProblem;
  }

  get sent(): number {
    return this.#sent;
  }

  /** In the order in which the versions were first seen. */
  served(): Served[] {
    return [...this.#tallies].map(([version, { requests, right }]) => ({
      version,
      requests,
      accuracy: right / requests,
    }));
  }

  answeredBy(version: string): number {
    return this.#tallies.get(version)?.requests ?? 0;
  }

  async #ask({ label, input }: LabelledInput): Promise<void> {
    const { url, model } = this.#options;
    try {
      const response = await fetch(`${url}/v2/models/${model}/infer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ inputs: [{ name: 'input', datatype: 'FP32', shape: [1, input.length], data: input }] }),
        signal: AbortSignal.timeout(deadlineMs),
      });
      if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
      const { version, scores } = readAnswer(await response.json());
      const tally = this.#tallies.get(version) ?? { requests: 0, right: 0 };
      tally.requests += 1;
      if (scores.indexOf(Math.max(...scores)) === label) tally.right += 1;
      this.#tallies.set(version, tally);
    } catch (error) {
      this.#dropped += 1;
      this.#firstProblem ??= messageOf(error);
    }
  }
}

/** Version and scores of an answer of the Open Inference Protocol v2; throws when it is not well-formed. */
export function readAnswer(answer: unknown): { version: string; scores: number[] } {
  const { model_version: version, outputs } = (answer ?? {}) as { model_version?: unknown; outputs?: unknown };
  const [first] = Array.isArray(outputs) ? (outputs as { data?: unknown }[]) : [];
  const scores = first?.data;
  const isList = Array.isArray(scores) && scores.length > 0 && scores.every((score) => Number.isFinite(score));
  if (typeof version !== 'string' || version === '' || !isList) {
    throw new Error(`not an answer of the protocol: ${JSON.stringify(answer)?.slice(0, 200)}`);
  }
  return { version, scores: scores as number[] };
}
