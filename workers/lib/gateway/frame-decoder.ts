/** The receiving side of WebSocket (RFC 6455, section 5): payload is handed on as it comes, never collected. */

/** What ends a connection: code and reason of its close frame. */
export class Closing extends Error {
  override name = 'Closing';
  readonly code: number;

  constructor(code: number, reason: string) {
    super(reason);
    this.code = code;
  }
}

export const closeCodes = {
  goingAway: 1001,
  protocol: 1002,
  notJson: 1003,
  policy: 1008,
  tooBig: 1009,
  internal: 1011,
} as const;

export type FrameEvent =
  /** Bytes of the message under way. */
  | { kind: 'data'; bytes: Buffer }
  /** The message is complete. */
  | { kind: 'end' }
  | { kind: 'ping'; bytes: Buffer }
  | { kind: 'pong' }
  /** `bytes`: code and reason, if there are any. */
  | { kind: 'close'; bytes: Buffer };

const continuation = 0;
const [text, binary, close, ping, pong] = [1, 2, 8, 9, 10] as const;
const longestControl = 125;

interface Frame {
  opcode: number;
  fin: boolean;
  mask: Buffer | undefined;
  left: number;
  offset: number;
}

export class FrameDecoder {
  readonly #maxMessage: number;
  readonly #isMasked: boolean;
  #header: Buffer = Buffer.alloc(0);
  #frame: Frame | undefined;
  #control: Buffer[] = [];
  #isWithin = false;
  #message = 0;

  /** `maxMessage`: bytes of one message over all its frames. `sender`: whose frames they are; those of a client are masked. */
  constructor(maxMessage: number, sender: 'client' | 'server' = 'client') {
    this.#maxMessage = maxMessage;
    this.#isMasked = sender === 'client';
  }

  /** Something has begun that is not complete: a header, a frame or a message of several. */
  get isWithin(): boolean {
    return this.#isWithin || this.#frame !== undefined || this.#header.length > 0;
  }

  /** Throws Closing. Bytes are unmasked where they are: the piece belongs to this from now on. */
  *push(piece: Buffer): Generator<FrameEvent> {
    let rest = piece;
    while (rest.length > 0 || this.#frame?.left === 0) {
      if (this.#frame === undefined) {
        rest = this.#readHeader(rest);
        continue;
      }
      const frame = this.#frame;
      const bytes = rest.subarray(0, frame.left);
      rest = rest.subarray(bytes.length);
      frame.left -= bytes.length;
      if (frame.mask !== undefined) frame.offset = unmask(bytes, frame.mask, frame.offset);
      if (frame.opcode >= close) yield* this.#controlPiece(frame, bytes);
      else yield* this.#dataPiece(frame, bytes);
    }
  }

  *#dataPiece(frame: Frame, bytes: Buffer): Generator<FrameEvent> {
    if (bytes.length > 0) yield { kind: 'data', bytes };
    if (frame.left > 0) return;
    this.#frame = undefined;
    if (!frame.fin) return;
    this.#isWithin = false;
    this.#message = 0;
    yield { kind: 'end' };
  }

  *#controlPiece(frame: Frame, bytes: Buffer): Generator<FrameEvent> {
    this.#control.push(bytes);
    if (frame.left > 0) return;
    const whole = Buffer.concat(this.#control);
    this.#control = [];
    this.#frame = undefined;
    if (frame.opcode === ping) yield { kind: 'ping', bytes: whole };
    if (frame.opcode === pong) yield { kind: 'pong' };
    if (frame.opcode === close) yield { kind: 'close', bytes: whole };
  }

  #readHeader(rest: Buffer): Buffer {
    const before = this.#header.length;
    const bytes = before === 0 ? rest : Buffer.concat([this.#header, rest]);
    const size = headerSize(bytes);
    if (size === undefined || bytes.length < size) {
      this.#header = Buffer.from(bytes);
      return rest.subarray(rest.length);
    }
    this.#header = Buffer.alloc(0);
    this.#begin(bytes.subarray(0, size));
    return rest.subarray(size - before);
  }

  #begin(header: Buffer): void {
    const first = header.readUInt8(0);
    const second = header.readUInt8(1);
    const opcode = first & 15;
    const fin = first >= 128;
    if ((first & 0x70) !== 0) throw new Closing(closeCodes.protocol, 'extension bits without an extension');
    if (second >= 128 !== this.#isMasked) {
      const whose = this.#isMasked ? 'a client are' : 'a server are not';
      throw new Closing(closeCodes.protocol, `frames of ${whose} masked`);
    }
    const length = payloadLength(header);
    if (opcode >= close) this.#checkControl(opcode, fin, length);
    else this.#checkData(opcode, fin, length);
    const mask = this.#isMasked ? Buffer.from(header.subarray(-4)) : undefined;
    this.#frame = { opcode, fin, mask, left: length, offset: 0 };
  }

  #checkControl(opcode: number, fin: boolean, length: number): void {
    if (opcode > pong || !fin || length > longestControl) throw new Closing(closeCodes.protocol, 'a bad control frame');
  }

  #checkData(opcode: number, fin: boolean, length: number): void {
    if (opcode > binary || this.#isWithin !== (opcode === continuation)) {
      throw new Closing(closeCodes.protocol, opcode > text + 1 ? `opcode ${opcode} is unknown` : 'frames out of order');
    }
    this.#message += length;
    if (this.#message > this.#maxMessage) {
      throw new Closing(closeCodes.tooBig, `a message of ${this.#message} bytes; at most ${this.#maxMessage} are read`);
    }
    this.#isWithin = true;
  }
}

/** `undefined`: two bytes are needed to tell. */
function headerSize(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined;
  const second = bytes.readUInt8(1);
  const length = second & 127;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (second >= 128 ? 4 : 0);
}

function payloadLength(header: Buffer): number {
  const length = header.readUInt8(1) & 127;
  if (length === 126) return header.readUInt16BE(2);
  if (length < 126) return length;
  // More than 2^53 is too big for anything: what is lost of it does not matter.
  return Number(header.readBigUInt64BE(2));
}

/** Unmasks in place, and masks as well. `start`: bytes of the frame before these, modulo 4. Gives the start of what follows. */
export function unmask(bytes: Buffer, mask: Buffer, start = 0): number {
  const keys = [0, 1, 2, 3].map((i) => mask.readUInt8((start + i) & 3)) as [number, number, number, number];
  const whole = bytes.length & ~3;
  let i = 0;
  for (; i < whole; i += 4) {
    bytes[i] = (bytes[i] as number) ^ keys[0];
    bytes[i + 1] = (bytes[i + 1] as number) ^ keys[1];
    bytes[i + 2] = (bytes[i + 2] as number) ^ keys[2];
    bytes[i + 3] = (bytes[i + 3] as number) ^ keys[3];
  }
  for (; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ keys[(i - whole) as 0 | 1 | 2];
  return (start + bytes.length) & 3;
}
