/** What a frame says beside its weights: small, kept as text, read as a whole at the end. Finds where the weights begin. */
import { FrameMalformed } from './frame-errors.ts';

/** Names and counts are all there is. */
const mostBytes = 64 * 1024;
const longestKey = 200;
/** Deeper than any trainer nests; what is handed on between processes would exhaust a stack. */
const deepest = 100;

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN = 91;
const BACKSLASH = 92;
const CLOSE = 93;
const BRACE = 123;
const BRACE_END = 125;
const instead = Buffer.from('null');

export class Envelope {
  #bytes = Buffer.allocUnsafe(1024);
  #length = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #stringStart = 0;
  #lastString = '';
  /** By depth: the key whose value is read, in the outer two objects. */
  readonly #keys: (string | undefined)[] = [];

  /** Takes bytes from `start` on. Gives the place behind the bracket that opens the list `data.weights`, else the end of the piece. */
  push(piece: Uint8Array, start: number): { next: number; isWeights: boolean } {
    for (let i = start; i < piece.length; i++) {
      const byte = piece[i] as number;
      if (byte === OPEN && this.#isAtWeights()) {
        for (const one of instead) this.#keep(one);
        return { next: i + 1, isWeights: true };
      }
      this.#keep(byte);
      if (this.#inString) this.#string(byte);
      else this.#structure(byte);
    }
    return { next: piece.length, isWeights: false };
  }

  /** The object; weights, and numbers that JSON does not have, are `null`. */
  parse(): Record<string, unknown> {
    let value: unknown;
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(this.#bytes.subarray(0, this.#length));
      value = JSON.parse(text.replace(textOrWord, (found) => (found.startsWith('"') ? found : 'null')));
    } catch (error) {
      throw new FrameMalformed(`not JSON: ${(error as Error).message.slice(0, 80)}`, { cause: error });
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw new FrameMalformed('not a JSON object');
  }

  #isAtWeights(): boolean {
    return !this.#inString && this.#depth === 2 && this.#keys[1] === 'data' && this.#keys[2] === 'weights';
  }

  #string(byte: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) {
      this.#inString = false;
      const raw = this.#bytes.subarray(this.#stringStart, this.#length);
      this.#lastString = this.#depth <= 2 && raw.length < longestKey ? unquoted(raw) : '';
    }
  }

  #structure(byte: number): void {
    if (byte === QUOTE) {
      this.#inString = true;
      this.#stringStart = this.#length - 1;
    } else if (byte === COLON) this.#keys[this.#depth] = this.#lastString;
    else if (byte === COMMA) this.#keys[this.#depth] = undefined;
    else if (byte === BRACE || byte === OPEN) this.#open();
    else if (byte === BRACE_END || byte === CLOSE) this.#depth--;
  }

  #open(): void {
    if (++this.#depth > deepest) throw new FrameMalformed(`nested deeper than ${deepest} levels beside data.weights`);
    this.#keys[this.#depth] = undefined;
  }

  #keep(byte: number): void {
    if (this.#length === this.#bytes.length) {
      if (this.#length >= mostBytes) throw new FrameMalformed(`more than ${mostBytes} bytes beside data.weights`);
      const larger = Buffer.allocUnsafe(2 * this.#bytes.length);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }
}

/** Text stays as it is; what JSON does not have outside of text becomes `null`. */
const textOrWord = /"(?:[^"\\]|\\.)*"|-?(?:NaN|Infinity)/gs;

/** Text that is no JSON is found out at the end; until then it is no key. */
function unquoted(raw: Buffer): string {
  try {
    return String(JSON.parse(raw.toString('utf8')));
  } catch {
    return '';
  }
}
