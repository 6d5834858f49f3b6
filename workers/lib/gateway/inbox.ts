/** Messages of one trainer: small ones are looked at here, updates go through a child, piece by piece. */
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ChildError } from '../../../activities/edge/lib/child.ts';
import type { Problem } from '../../../workflows/lib/failures.ts';
import type { ReadUploadInput, ReadUploadOutput } from './children/read-upload.ts';
import { startChild, type GatewayChild } from './child.ts';
import type { Receiver } from './connection.ts';
import { Closing, closeCodes } from './frame-decoder.ts';
import { FrameMalformed, UpdateRefused } from './frame-errors.ts';
import { UpdateParser } from './update-parser.ts';

/** What a trainer uploaded. */
export type Upload = { samples: number; file: string } | { refused: Problem };

export interface Desk {
  /** Throws Closing. */
  subscribe(id: string): Promise<void>;
  upload(upload: Upload): void;
}

export interface InboxOptions {
  /** Files of this connection. */
  directory: string;
  replyBytes: number;
  signal: AbortSignal;
}

/** Messages up to this length are held and looked at; longer ones can only be updates. */
const smallBytes = 64 * 1024;

export class Inbox implements Receiver {
  readonly #desk: Desk;
  readonly #options: InboxOptions;
  readonly #small = new Held();
  #child: GatewayChild<ReadUploadOutput> | undefined;
  #id: string | undefined;
  #count = 0;
  #before: string | undefined;

  constructor(desk: Desk, options: InboxOptions) {
    this.#desk = desk;
    this.#options = options;
  }

  async data(bytes: Buffer): Promise<void> {
    if (this.#child !== undefined) return this.#feed(this.#child, bytes);
    this.#small.push(bytes);
    if (this.#small.length > smallBytes) await this.#startUpload();
  }

  async end(): Promise<void> {
    if (this.#child === undefined && !(await this.#isUpload())) return;
    const child = this.#child ?? (await this.#startUpload());
    child.input.end();
    let read: ReadUploadOutput;
    try {
      read = await child.answer;
    } catch (error) {
      if (!(error instanceof ChildError)) throw error;
      throw new Closing(closeCodes.internal, `the update could not be read: ${error.message}`);
    } finally {
      this.#child = undefined;
    }
    const file = this.#before;
    this.#before = 'file' in read ? read.file : undefined;
    this.#desk.upload(this.#judge(read));
    if (file !== undefined) await rm(file, { force: true });
  }

  /** Small messages are read whole; an update is read again by the child, so that there is one way for all of them. */
  async #isUpload(): Promise<boolean> {
    let fields: Record<string, unknown>;
    try {
      const parser = new UpdateParser();
      parser.push(this.#small.bytes);
      ({ fields } = parser.end());
    } catch (error) {
      if (error instanceof UpdateRefused) return true;
      if (error instanceof FrameMalformed) throw new Closing(closeCodes.notJson, error.message);
      throw error;
    }
    if (fields['type'] === 'update_weight') return true;
    this.#small.take();
    // Others than these two were relayed to everybody by the original; no trainer of its library sends any.
    if (fields['type'] === 'subscribe') await this.#subscribe(fields['client_id']);
    return false;
  }

  async #subscribe(id: unknown): Promise<void> {
    if (typeof id !== 'string' || id === '') throw new Closing(closeCodes.policy, 'subscribe without client_id');
    if (this.#id !== undefined) throw new Closing(closeCodes.policy, `this connection is already ${this.#id}`);
    await this.#desk.subscribe(id);
    this.#id = id;
  }

  async #startUpload(): Promise<GatewayChild<ReadUploadOutput>> {
    if (this.#id === undefined) throw new Closing(closeCodes.policy, 'an update before subscribe');
    const { directory, replyBytes, signal } = this.#options;
    const out = join(directory, `upload-${++this.#count}.safetensors`);
    const input: ReadUploadInput = { out, scratch: join(directory, 'numbers'), replyBytes };
    const child = startChild<ReadUploadOutput>('read-upload', input, signal);
    this.#child = child;
    await this.#feed(child, this.#small.take());
    return child;
  }

  /** A child that has seen enough takes no more: the rest of the message is thrown away. */
  async #feed({ input, answer }: GatewayChild<ReadUploadOutput>, bytes: Buffer): Promise<void> {
    if (!input.writable || input.write(bytes)) return;
    const drained = new AbortController();
    const settled = answer.catch(() => undefined);
    await Promise.race([once(input, 'drain', { signal: drained.signal }).catch(() => undefined), settled]);
    drained.abort();
  }

  #judge(read: ReadUploadOutput): Upload {
    if ('malformed' in read) throw new Closing(closeCodes.notJson, read.malformed);
    const { type, client, data } = read.fields ?? {};
    if (read.fields !== undefined && type !== 'update_weight') {
      throw new Closing(closeCodes.policy, `a message of ${this.#count} that is no update_weight`);
    }
    if (client !== undefined && client !== this.#id) {
      const message = `the update is of ${JSON.stringify(client)?.slice(0, 80)}, the connection of ${this.#id}`;
      return { refused: { reason: 'WrongIdentity', message } };
    }
    if ('refused' in read) return read;
    const { num_samples: samples } = (data ?? {}) as { num_samples?: unknown };
    if (typeof samples !== 'number' || !Number.isFinite(samples)) {
      return { refused: { reason: 'BadSampleCount', message: 'data.num_samples is no number' } };
    }
    return { samples, file: read.file };
  }
}

/** A message so far, copied: what the network hands over are parts of larger pieces, which a byte of each would keep in memory. */
class Held {
  #buffer = Buffer.allocUnsafe(1024);
  length = 0;

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  push(bytes: Buffer): void {
    const length = this.length + bytes.length;
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.length);
      this.#buffer = larger;
    }
    bytes.copy(this.#buffer, this.length);
    this.length = length;
  }

  /** Gives all that is held and begins anew. */
  take(): Buffer {
    const { bytes } = this;
    this.#buffer = Buffer.allocUnsafe(1024);
    this.length = 0;
    return bytes;
  }
}
