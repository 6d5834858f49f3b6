/** WebSocket frames as a client sends them, also wrong ones, and a client that sees every byte of the answer. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { randomBytes } from 'node:crypto';

export interface FrameOptions {
  /** Default: text. */
  opcode?: number;
  fin?: boolean;
  /** Further bits of the first byte. */
  bits?: number;
}

export function clientFrame(payload: Uint8Array, { opcode = 1, fin = true, bits = 0 }: FrameOptions = {}): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended);
  head[0] = (fin ? 128 : 0) | bits | opcode;
  head[1] = 128 | { 0: length, 2: 126, 8: 127 }[extended];
  if (extended === 2) head.writeUInt16BE(length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  for (let i = 0; i < length; i++) masked[i] = (masked[i] as number) ^ (mask[i & 3] as number);
  return Buffer.concat([head, mask, masked]);
}

export interface ServerFrame {
  opcode: number;
  payload: Buffer;
}

export class RawClient {
  readonly socket: Socket;
  #bytes = Buffer.alloc(0);
  #changed = (): void => undefined;
  #isOver = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (piece: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, piece]);
      this.#changed();
    });
    socket.on('close', () => {
      this.#isOver = true;
      this.#changed();
    });
  }

  /** `answer`: the head of the server's answer to the upgrade. */
  static async open(
    port: number,
    path = '/FedAvg',
    headers: string[] = [],
  ): Promise<{ client: RawClient; answer: string }> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const client = new RawClient(socket);
    const key = randomBytes(16).toString('base64');
    const wanted = [
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
    ];
    socket.write([`GET ${path} HTTP/1.1`, 'Host: localhost', ...wanted, ...headers, '', ''].join('\r\n'));
    return { client, answer: await client.#head() };
  }

  send(message: string | Uint8Array, options?: FrameOptions): void {
    this.socket.write(clientFrame(Buffer.from(message), options));
  }

  /** The next frame; undefined when the connection ended without one. */
  async next(): Promise<ServerFrame | undefined> {
    for (;;) {
      const frame = this.#take();
      if (frame !== undefined) return frame;
      if (this.#isOver) return undefined;
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  /** Code and reason of the close frame that comes next. */
  async closing(): Promise<string> {
    const frame = await this.next();
    if (frame?.opcode !== 8) return `opcode ${frame?.opcode}`;
    return `${frame.payload.readUInt16BE(0)} ${frame.payload.subarray(2).toString()}`;
  }

  async #head(): Promise<string> {
    for (;;) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end >= 0 || this.#isOver) {
        const head = this.#bytes.subarray(0, end < 0 ? undefined : end).toString();
        if (end >= 0) this.#bytes = this.#bytes.subarray(end + 4);
        return head;
      }
      await new Promise<void>((resolve) => (this.#changed = resolve));
    }
  }

  #take(): ServerFrame | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const short = (bytes[1] as number) & 127;
    const start = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (bytes.length < start) return undefined;
    const length = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
    if (bytes.length < start + length) return undefined;
    this.#bytes = bytes.subarray(start + length);
    return { opcode: (bytes[0] as number) & 15, payload: bytes.subarray(start, start + length) };
  }
}
