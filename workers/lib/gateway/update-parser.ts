/** Reads one `update_weight` frame of Sedna's trainers, byte by byte as it comes: JSON whose weights never become a tree. */
import { beginsNumber, malformed, scanned, scanNumber, scanWord, truncated } from './f32.ts';

/** The frame is no JSON object. */
export class FrameMalformed extends Error {
  override name = 'FrameMalformed';
}

/** The frame is an update that must not count; `reason` as in `status.clients`. */
export class UpdateRefused extends Error {
  override name = 'UpdateRefused';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface ParsedFrame {
  /** Everything but the weights, which are `null` here. Numbers that JSON does not have are `null` too. */
  fields: Record<string, unknown>;
  /** Row-major, one per layer; absent where the frame has no list `data.weights`. */
  shapes?: number[][];
}

/** Beside the weights; names and counts are all there is. */
const envelopeBytes = 64 * 1024;
const longestNumber = 1024;
const mostLayers = 65_536;
const mostDimensions = 16;

const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const COLON = 58;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const BRACE = 123;
const BRACE_END = 125;

const isSpace = (byte: number): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9;

/** What may come next within the weights. */
type Expected = 'value' | 'valueOrClose' | 'separator';

export class UpdateParser {
  #rest: Buffer = Buffer.alloc(0);
  /** Bytes before the present piece, for messages. */
  #before = 0;
  #values = new Float32Array(0);
  #count = 0;

  // --- beside the weights
  #envelope = Buffer.allocUnsafe(1024);
  #length = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #stringStart = 0;
  /** By depth: the key whose value is read, in the outer two objects. */
  readonly #keys: (string | undefined)[] = [];
  #lastString = '';

  // --- within the weights
  #inWeights = false;
  #expected: Expected = 'valueOrClose';
  /** Brackets that are open within the weights; a layer's own begin at 1. */
  #level = 0;
  #shapes: number[][] | undefined;
  #rank: number | undefined;
  #sizes: (number | undefined)[] = [];
  #counts: number[] = [];

  /** Throws FrameMalformed or UpdateRefused; nothing may be pushed after that. */
  push(chunk: Uint8Array): void {
    const piece =
      this.#rest.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        : Buffer.concat([this.#rest, chunk]);
    this.#before -= this.#rest.length;
    this.#rest = Buffer.alloc(0);
    let i = 0;
    while (i < piece.length) {
      i = this.#inWeights ? this.#weights(piece, i) : this.#outside(piece, i);
      if (i === truncated) break;
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
    if (this.#inWeights || this.#rest.length > 0) throw new FrameMalformed('not JSON: it ends within the weights');
    const fields = parseEnvelope(this.#envelope.subarray(0, this.#length));
    return { fields, ...(this.#shapes === undefined ? {} : { shapes: this.#shapes }) };
  }

  // --- beside the weights -------------------------------------------------------------------------------------------

  #outside(piece: Buffer, start: number): number {
    for (let i = start; i < piece.length; i++) {
      const byte = piece[i] as number;
      if (!this.#inString && byte === OPEN && this.#beginsWeights()) {
        this.#keep(Buffer.from('null'));
        this.#begin();
        return i + 1;
      }
      this.#keepByte(byte);
      if (this.#inString) this.#string(byte);
      else this.#structure(byte);
    }
    return piece.length;
  }

  #string(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) {
      this.#inString = false;
      const raw = this.#envelope.subarray(this.#stringStart, this.#length);
      this.#lastString = this.#depth <= 2 && raw.length < 200 ? unquoted(raw) : '';
    }
  }

  #structure(byte: number): void {
    if (byte === QUOTE) {
      this.#inString = true;
      this.#stringStart = this.#length - 1;
    } else if (byte === COLON) this.#keys[this.#depth] = this.#lastString;
    else if (byte === COMMA) this.#keys[this.#depth] = undefined;
    else if (byte === BRACE || byte === OPEN) this.#keys[++this.#depth] = undefined;
    else if (byte === BRACE_END || byte === CLOSE) this.#depth--;
  }

  #beginsWeights(): boolean {
    return this.#depth === 2 && this.#keys[1] === 'data' && this.#keys[2] === 'weights';
  }

  #keepByte(byte: number): void {
    if (this.#length === this.#envelope.length) this.#grow();
    this.#envelope[this.#length++] = byte;
  }

  #keep(bytes: Uint8Array): void {
    for (const byte of bytes) this.#keepByte(byte);
  }

  #grow(): void {
    if (this.#length >= envelopeBytes) {
      throw new FrameMalformed(`more than ${envelopeBytes} bytes beside data.weights`);
    }
    const larger = Buffer.allocUnsafe(2 * this.#envelope.length);
    this.#envelope.copy(larger);
    this.#envelope = larger;
  }

  // --- within the weights -------------------------------------------------------------------------------------------

  #begin(): void {
    if (this.#shapes !== undefined) throw new UpdateRefused('NotTensors', 'data.weights is there twice');
    this.#shapes = [];
    this.#inWeights = true;
    this.#level = 0;
    this.#expected = 'valueOrClose';
    this.#newLayer();
  }

  #weights(piece: Buffer, start: number): number {
    // Every number but the last takes two bytes with its comma.
    this.#reserve(((piece.length - start) >> 1) + 1);
    const end = piece.length;
    let i = start;
    while (i < end) {
      const byte = piece[i] as number;
      if (byte === COMMA) {
        if (this.#expected !== 'separator') this.#malformed(i);
        this.#expected = 'value';
        i++;
      } else if (byte === OPEN) {
        this.#open(i++);
      } else if (byte === CLOSE) {
        this.#close(i++);
        if (!this.#inWeights) return i;
      } else if (isSpace(byte)) {
        i++;
      } else {
        const next = this.#number(piece, i);
        if (next === truncated) return truncated;
        i = this.#level === 0 ? next : this.#row(piece, next);
      }
    }
    return end;
  }

  #number(piece: Buffer, start: number): number {
    if (this.#expected === 'separator') this.#malformed(start);
    const end = piece.length;
    const at = this.#count;
    const isNumber = beginsNumber(piece[start] as number, piece[start + 1]);
    const scan = isNumber ? scanNumber : scanWord;
    const next = scan(piece, start, end);
    const length = (next === truncated ? end : next) - start;
    if (next === malformed || length > longestNumber) this.#malformed(start);
    if (next === truncated) {
      // Copied: whoever gave the piece may use its memory again.
      this.#rest = Buffer.from(piece.subarray(start));
      return truncated;
    }
    const value = scanned[0] as number;
    if (isNumber && !Number.isFinite(value)) this.#overflow(piece, start, next);
    const level = this.#level;
    if (this.#rank !== level) this.#leaf(level);
    if (level === 0) this.#endLayer();
    else (this.#counts[level] as number)++;
    this.#values[at] = value;
    this.#count = at + 1;
    this.#expected = 'separator';
    return next;
  }

  /** The rest of a list whose first number was read: most of a frame is this. */
  #row(piece: Buffer, start: number): number {
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
    (this.#counts[this.#level] as number) += at - first;
    return i;
  }

  #overflow(piece: Buffer, start: number, end: number): never {
    const text = piece.toString('latin1', start, Math.min(end, start + 40));
    throw new UpdateRefused('NotFinite', `${this.#layer}: ${text} does not fit float32`);
  }

  #leaf(level: number): void {
    if (this.#rank !== undefined) this.#ragged();
    this.#rank = level;
  }

  #open(at: number): void {
    if (this.#expected === 'separator') this.#malformed(at);
    if (this.#rank !== undefined && this.#level >= this.#rank) this.#ragged();
    if (this.#level >= mostDimensions) {
      throw new UpdateRefused('ShapeInvalid', `${this.#layer}: has more than ${mostDimensions} dimensions`);
    }
    if (this.#level > 0) (this.#counts[this.#level] as number)++;
    this.#counts[++this.#level] = 0;
    this.#expected = 'valueOrClose';
  }

  #close(at: number): void {
    if (this.#expected === 'value') this.#malformed(at);
    this.#expected = 'separator';
    const level = this.#level;
    if (level === 0) {
      this.#inWeights = false;
      return;
    }
    const size = this.#counts[level] as number;
    if (size === 0 && this.#rank === undefined) this.#rank = level;
    this.#sizes[level] ??= size;
    if (this.#sizes[level] !== size) this.#ragged();
    this.#level--;
    if (level === 1) this.#endLayer();
  }

  #endLayer(): void {
    if (this.#shapes?.length === mostLayers) {
      throw new UpdateRefused('NotTensors', `has more than ${mostLayers} layers`);
    }
    const rank = this.#rank ?? 0;
    this.#shapes?.push(Array.from({ length: rank }, (_, dimension) => this.#sizes[dimension + 1] ?? 0));
    this.#newLayer();
  }

  #newLayer(): void {
    this.#rank = undefined;
    this.#sizes = [];
    this.#counts = [];
  }

  get #layer(): string {
    return `layer ${this.#shapes?.length ?? 0}`;
  }

  #reserve(more: number): void {
    if (this.#values.length - this.#count >= more) return;
    const larger = new Float32Array(this.#count + more);
    larger.set(this.#values.subarray(0, this.#count));
    this.#values = larger;
  }

  #ragged(): never {
    throw new UpdateRefused('ShapeInvalid', `${this.#layer}: its lists are not of equal length and depth`);
  }

  #malformed(at: number): never {
    throw new FrameMalformed(`not JSON: byte ${this.#before + at}`);
  }
}

/** The name of the tensor of a layer. */
export const layerName = (index: number): string => String(index).padStart(5, '0');

function unquoted(raw: Buffer): string {
  try {
    return String(JSON.parse(raw.toString('utf8')));
  } catch {
    return '';
  }
}

/** Text stays as it is; what JSON does not have outside of text is `null`. */
const textOrWord = /"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)/gs;

function parseEnvelope(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(text.replace(textOrWord, (found) => (found.startsWith('"') ? found : 'null')));
  } catch (error) {
    throw new FrameMalformed(`not JSON: ${(error as Error).message.slice(0, 80)}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FrameMalformed('not a JSON object');
  return value as Record<string, unknown>;
}
