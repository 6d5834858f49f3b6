/** What an aggregator says to one client: finds the `recv_weight` among it and holds it against the layers that are expected. */
import { createHash } from 'node:crypto';
import type { TensorEntry } from '../../../sdk/tensors/index.ts';
import { FrameMalformed, UpdateRefused } from '../gateway/frame-errors.ts';
import { UpdateParser, type ParsedFrame } from '../gateway/update-parser.ts';
import { failed, invalid } from './failed.ts';
import type { Reader } from './socket.ts';

export interface Reply {
  /** The aggregator says that this was the last round. */
  finished: boolean;
  /** Of all numbers in their order: equal for equal models. */
  digest: string;
  /** All layers one after the other; only where the reader keeps them. */
  values: Float32Array;
}

export class ReplyReader implements Reader {
  /** Resolves with the first whole message, whatever it says: as the library's client takes it for the answer to its subscription. */
  readonly welcomed: Promise<void>;
  /** Rejects with AggregatorError for one that is no model of the expected form. */
  readonly reply: Promise<Reply>;
  readonly #entries: readonly TensorEntry[];
  readonly #elements: number;
  readonly #values: Float32Array;
  #welcome: () => void = () => undefined;
  #settle: (reply: Reply) => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;
  #expects = false;
  #message: Message | undefined;

  /** `keeps`: of several readers one keeps the numbers, the others only their digest. */
  constructor(entries: readonly TensorEntry[], keeps: boolean) {
    this.#entries = entries;
    this.#elements = entries.reduce((sum, { elements }) => sum + elements, 0);
    this.#values = new Float32Array(keeps ? this.#elements : 0);
    this.welcomed = new Promise((resolve) => (this.#welcome = resolve));
    this.reply = new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
    });
    this.reply.catch(() => undefined);
  }

  /** What comes from now on may be the reply; what began before is none. */
  expect(): void {
    this.#expects = true;
  }

  data(bytes: Buffer): void {
    this.#reading(() => {
      const message = (this.#message ??= new Message(this.#expects));
      message.parser.push(bytes);
      const values = message.parser.take();
      if (!message.counts) return;
      message.digest.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      const room = Math.max(0, this.#values.length - message.count);
      if (room > 0) this.#values.set(values.subarray(0, room), message.count);
      message.count += values.length;
    });
  }

  end(): void {
    this.#reading(() => {
      const { parser, digest, count, counts } = this.#message ?? new Message(false);
      this.#message = undefined;
      const frame = parser.end();
      this.#welcome();
      if (!counts || frame.fields['type'] !== 'recv_weight') return;
      this.#judge(frame, count);
      const { exit_flag: flag } = (frame.fields['data'] ?? {}) as { exit_flag?: unknown };
      this.#settle({ finished: flag === 'ok', digest: digest.digest('hex'), values: this.#values });
    });
  }

  #judge({ shapes }: ParsedFrame, count: number): void {
    if (shapes === undefined) throw invalid('its recv_weight has no list data.weights');
    if (shapes.length !== this.#entries.length) {
      throw invalid(`it answered with ${shapes.length} layers; the model has ${this.#entries.length}`);
    }
    for (const [i, { name, shape }] of this.#entries.entries()) {
      const [is, must] = [shapes[i] as number[], [...shape]].map((one) => `[${one.join(', ')}]`);
      if (is !== must) throw invalid(`layer ${i} (${name}) has the shape ${is}; the model's is ${must}`);
    }
    if (count !== this.#elements) throw invalid(`it answered with ${count} numbers; the model has ${this.#elements}`);
    this.#judgeValues();
  }

  #judgeValues(): void {
    const at = this.#values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) return;
    let before = 0;
    for (const [i, { name, elements }] of this.#entries.entries()) {
      if (at < before + elements) {
        throw invalid(`layer ${i} (${name}) is not finite: element ${at - before} is ${this.#values[at]}`);
      }
      before += elements;
    }
  }

  /** Whoever waits for a reply learns what is wrong with it. */
  #reading(act: () => void): void {
    try {
      act();
    } catch (error) {
      const named =
        error instanceof FrameMalformed
          ? failed(`it sent a message that cannot be read: ${error.message}`, error)
          : error instanceof UpdateRefused
            ? invalid(`its weights are no model: ${error.message}`, error)
            : (error as Error);
      this.#fail(named);
      throw named;
    }
  }
}

/** A message under way. */
class Message {
  readonly parser = new UpdateParser();
  readonly digest = createHash('sha256');
  readonly counts: boolean;
  count = 0;

  constructor(counts: boolean) {
    this.counts = counts;
  }
}
