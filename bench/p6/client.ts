/** As little of an HTTP client as there can be: the load must cost less than what it measures. */
import { connect, type Socket } from 'node:net';

const END_OF_HEAD = Buffer.from('\r\n\r\n');

/** Whole HTTP/1.1 request to send again and again. */
export function wholeRequest(path: string, body: Uint8Array, headers: Record<string, string> = {}): Buffer {
  const lines = [`POST ${path} HTTP/1.1`, 'host: 127.0.0.1', `content-length: ${body.byteLength}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
}

interface Settle {
  resolve: (body: Buffer) => void;
  reject: (error: Error) => void;
}

/** One connection that stays open, one request at a time. Answers other than 200 fail. */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #size = 0;
  #expected = Infinity;
  #bodyAt = 0;
  #settle: Settle | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#settle?.reject(error));
    socket.on('close', () => this.#settle?.reject(new Error('the connection was closed')));
  }

  static open(port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new Connection(socket)));
      socket.once('error', reject);
    });
  }

  post(request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk);
    this.#size += chunk.byteLength;
    if (this.#expected === Infinity) this.#readHead();
    if (this.#size < this.#expected) return;
    const all = this.#received.length === 1 ? (this.#received[0] as Buffer) : Buffer.concat(this.#received);
    const { resolve, reject } = this.#settle as Settle;
    const isGood = all.subarray(9, 12).equals(Buffer.from('200'));
    const body = all.subarray(this.#bodyAt);
    [this.#received, this.#size, this.#expected] = [[], 0, Infinity];
    if (isGood) resolve(body);
    else reject(new Error(all.subarray(0, 300).toString()));
  }

  #readHead(): void {
    const all = Buffer.concat(this.#received);
    const end = all.indexOf(END_OF_HEAD);
    if (end < 0) return;
    const length = /content-length: *([0-9]+)/i.exec(all.toString('latin1', 0, end))?.[1];
    this.#bodyAt = end + END_OF_HEAD.byteLength;
    this.#expected = this.#bodyAt + Number(length ?? 0);
  }
}
