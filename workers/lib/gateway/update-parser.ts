/** Reads one `update_weight` frame of Sedna's trainers, byte by byte as it comes: JSON whose weights never become a tree. */
import { Envelope } from './envelope.ts';
import { beginsNumber, malformed, scanned, scanNumber, scanWord, truncated } from './f32.ts';
import { FrameMalformed, UpdateRefused } from './frame-errors.ts';
import { Nesting } from './nesting.ts';

export interface ParsedFrame {
  /** Everything but the weights, which are `null` here. Numbers that JSON does not have are `null` too. */
  fields: Record<string, unknown>;
  /** Row-major, one per layer; absent where the frame has no list `data.weights`. */
  shapes?: number[][];
}

const longestNumber = 1024;

const SPACE = 32;
const COMMA = 44;
const MINUS = 45;
const OPEN = 91;
const CLOSE = 93;

const isSpace = (byte: number): boolean => byte === SPACE || byte === 10 || byte === 13 || byte === 9;

export class UpdateParser {
  readonly #envelope = new Envelope();
  #nesting: Nesting | undefined;
  #inWeights = false;
  /** What may come next within the weights. */
  #expected: 'value' | 'valueOrClose' | 'separator' = 'valueOrClose';
  /** A number that may go on in the next piece. */
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes before the present piece, for messages. */
  #before = 0;
  #values = new Float32Array(0);
  #count = 0;

  /** Throws FrameMalformed or UpdateRefused; nothing may be pushed after that. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const piece = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    this.#before -= this.#rest.length;
    this.#rest = Buffer.alloc(0);
    let i = 0;
    while (i < piece.length) {
      if (this.#inWeights && this.#nesting !== undefined) i = this.#weights(piece, i, this.#nesting);
      else i = this.#outside(piece, i);
    }
    this.#before += piece.length;
  }

  /** Numbers that came since the last call, rounded to float32, in order over all layers. Valid until the next `push`. */
  take(): Float32Array {
    const taken = this.#values.subarray(0, this.#count);
    this.#count = 0;
    return taken;
  }

  end(): ParsedFrame {
    if (this.#inWeights) throw new FrameMalformed('not JSON: it ends within the weights');
    const fields = this.#envelope.parse();
    return { fields, ...(this.#nesting === undefined ? {} : { shapes: this.#nesting.shapes }) };
  }

  #outside(piece: Buffer, start: number): number {
    const { next, isWeights } = this.#envelope.push(piece, start);
    if (!isWeights) return next;
    if (this.#nesting !== undefined) throw new UpdateRefused('NotTensors', 'data.weights is there twice');
    this.#nesting = new Nesting();
    this.#inWeights = true;
    return next;
  }

  /** Up to the end of the weights, or of the piece. */
  #weights(piece: Buffer, start: number, nesting: Nesting): number {
    // Every number but the last takes two bytes with its comma.
    this.#reserve(((piece.length - start) >> 1) + 1);
    let i = start;
    while (i < piece.length && this.#inWeights) {
      const byte = piece[i] as number;
      if (byte === COMMA || byte === OPEN || byte === CLOSE) this.#mark(byte, i++, nesting);
      else if (isSpace(byte)) i++;
      else i = this.#number(piece, i, nesting);
    }
    return i;
  }

  #mark(byte: number, at: number, nesting: Nesting): void {
    if (byte === COMMA) {
      if (this.#expected !== 'separator') this.#malformed(at);
      this.#expected = 'value';
    } else if (byte === OPEN) {
      if (this.#expected === 'separator') this.#malformed(at);
      nesting.open();
      this.#expected = 'valueOrClose';
    } else {
      if (this.#expected === 'value') this.#malformed(at);
      if (nesting.level === 0) this.#inWeights = false;
      else nesting.close();
      this.#expected = 'separator';
    }
  }

  #number(piece: Buffer, start: number, nesting: Nesting): number {
    if (this.#expected === 'separator') this.#malformed(start);
    const end = piece.length;
    const isNumber = beginsNumber(piece[start] as number, piece[start + 1]);
    const next = (isNumber ? scanNumber : scanWord)(piece, start, end);
    const length = (next === truncated ? end : next) - start;
    if (next === malformed || length > longestNumber) this.#malformed(start);
    if (next === truncated) {
      // Copied: whoever gave the piece may use its memory again.
      this.#rest = Buffer.from(piece.subarray(start));
      return end;
    }
    const value = scanned[0] as number;
    if (isNumber && !Number.isFinite(value)) {
      const text = piece.toString('latin1', start, Math.min(next, start + 40));
      throw new UpdateRefused('NotFinite', `${nesting.layer}: ${text} does not fit float32`);
    }
    nesting.number();
    this.#values[this.#count++] = value;
    this.#expected = 'separator';
    return nesting.level === 0 ? next : this.#row(piece, next, nesting);
  }

  /** The rest of a list whose first number was read: most of a frame is this. What is not plain is left to the others. */
  #row(piece: Buffer, start: number, nesting: Nesting): number {
    const values = this.#values;
    const end = piece.length;
    const first = this.#count;
    let at = first;
    let i = start;
    while (piece[i] === COMMA) {
      const begin = piece[i + 1] === SPACE ? i + 2 : i + 1;
      const byte = piece[begin] ?? 0;
      // A minus may begin one of Python's words.
      const digit = byte === MINUS ? (piece[begin + 1] ?? 0) : byte;
      if (digit < 48 || digit > 57) break;
      const next = scanNumber(piece, begin, end);
      const value = scanned[0] as number;
      if (next < 0 || next - begin > longestNumber || !Number.isFinite(value)) break;
      values[at++] = value;
      i = next;
    }
    this.#count = at;
    nesting.more(at - first);
    return i;
  }

  #reserve(more: number): void {
    if (this.#values.length - this.#count >= more) return;
    const larger = new Float32Array(this.#count + more);
    larger.set(this.#values.subarray(0, this.#count));
    this.#values = larger;
  }

  #malformed(at: number): never {
    throw new FrameMalformed(`not JSON: byte ${this.#before + at}`);
  }
}

/** The name of the tensor of a layer. */
export const layerName = (index: number): string => String(index).padStart(5, '0');
