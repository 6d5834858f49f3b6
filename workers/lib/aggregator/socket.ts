/** The client's end of a WebSocket (RFC 6455): whole messages out, the bytes of messages in as they come. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as rest } from 'node:timers/promises';
import { Closing, FrameDecoder, unmask } from '../gateway/frame-decoder.ts';
import { acceptance, closePayload, frameHeader, opcodes } from '../gateway/frames.ts';
import { failed } from './failed.ts';

export interface Address {
  port: number;
  /** Name of the aggregation class, without the slash. */
  path: string;
}

/** What is done with messages. What it throws ends the connection. */
export interface Reader {
  data(bytes: Buffer): void;
  end(): void;
}

/** A program that has just been started does not listen yet. */
const retryMs = 100;
const farewellMs = 2_000;
const longestHead = 16 << 10;
/** Of one message, as the gateway takes them from trainers. */
export const mostMessageBytes = 500 << 20;

export class AggregatorSocket {
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder(mostMessageBytes, 'server');
  readonly #pongs: (() => void)[] = [];
  /** Rejects when nothing can be said any more, and never resolves. */
  readonly over: Promise<never>;
  #end: (error: Error) => void = () => undefined;
  #isClosing = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    this.over = new Promise((_resolve, reject) => (this.#end = reject));
    this.over.catch(() => undefined);
    socket.on('error', (error) => this.#end(failed(`the connection broke: ${error.message}`, error)));
    socket.once('close', () => this.#end(failed('the connection was closed')));
  }

  /** Tries until somebody takes the connection, or `signal`. */
  static async open(address: Address, signal: AbortSignal): Promise<AggregatorSocket> {
    for (;;) {
      signal.throwIfAborted();
      const socket = connect({ port: address.port, host: '127.0.0.1' });
      try {
        await once(socket, 'connect', { signal });
      } catch {
        socket.destroy();
        await rest(retryMs, undefined, { signal });
        continue;
      }
      const made = new AggregatorSocket(socket);
      await Promise.race([made.#shakeHands(address), made.over]);
      return made;
    }
  }

  /** To be called once, before anything is expected. */
  listen(reader: Reader): void {
    this.#socket.on('data', (piece: Buffer) => {
      try {
        for (const event of this.#decoder.push(piece)) {
          if (event.kind === 'data') reader.data(event.bytes);
          else if (event.kind === 'end') reader.end();
          else if (event.kind === 'ping') this.#send(opcodes.pong, [event.bytes]);
          else if (event.kind === 'pong') this.#pongs.shift()?.();
          else this.#closed(event.bytes);
        }
      } catch (error) {
        this.#end(
          error instanceof Closing ? failed(`it does not speak WebSocket: ${error.message}`) : (error as Error),
        );
        this.#socket.destroy();
      }
    });
    this.#socket.resume();
  }

  /** One message in one frame. Resolves when the system has taken it all. */
  async sendText(pieces: Buffer[]): Promise<void> {
    if (!this.#send(opcodes.text, pieces)) await Promise.race([once(this.#socket, 'drain'), this.over]);
  }

  /** Resolves when the other side has read all that was sent. */
  async read(): Promise<void> {
    const pong = new Promise<void>((resolve) => this.#pongs.push(resolve));
    this.#send(opcodes.ping, []);
    await Promise.race([pong, this.over]);
  }

  /** In order: the other side answers the close, else it is cut off. */
  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    this.#isClosing = true;
    this.#send(opcodes.close, [closePayload(1000, '')]);
    const timer = setTimeout(() => this.#socket.destroy(), farewellMs);
    await once(this.#socket, 'close').catch(() => undefined);
    clearTimeout(timer);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async #shakeHands({ port, path }: Address): Promise<void> {
    const key = randomBytes(16).toString('base64');
    const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13'];
    const lines = [`GET /${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...upgrade, `Sec-WebSocket-Key: ${key}`];
    this.#socket.write([...lines, '', ''].join('\r\n'));
    const head = await this.#head();
    const [status = ''] = head.split('\r\n', 1);
    if (!/^HTTP\/1\.1 101 /.test(status)) {
      this.#socket.destroy();
      throw failed(
        `it answers "${status.slice(0, 80)}" at /${path}: spec.aggregation.parameters.aggregation must be the name of its class`,
      );
    }
    const accepted = /^sec-websocket-accept:\s*(\S+)\s*$/im.exec(head)?.[1];
    if (accepted !== acceptance(key)) throw failed('it does not speak WebSocket: Sec-WebSocket-Accept is another one');
  }

  /** Of the answer; what follows it stays in the socket. */
  #head(): Promise<string> {
    return new Promise((resolve, reject) => {
      let bytes = Buffer.alloc(0);
      const hear = (piece: Buffer): void => {
        bytes = Buffer.concat([bytes, piece]);
        const end = bytes.indexOf('\r\n\r\n');
        if (end < 0 && bytes.length <= longestHead) return;
        this.#socket.off('data', hear);
        this.#socket.pause();
        if (end < 0) return reject(failed('it does not speak HTTP: its answer has no end'));
        if (end + 4 < bytes.length) this.#socket.unshift(bytes.subarray(end + 4));
        resolve(bytes.toString('latin1', 0, end));
      };
      this.#socket.on('data', hear);
    });
  }

  /** Takes the pieces: they are masked where they are. False: the system has no room for more now. */
  #send(opcode: number, pieces: Buffer[]): boolean {
    if (this.#socket.destroyed || this.#socket.writableEnded) return true;
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const mask = randomBytes(4);
    const header = frameHeader(opcode, length);
    header.writeUInt8(header.readUInt8(1) | 128, 1);
    this.#socket.cork();
    this.#socket.write(header);
    let isRoom = this.#socket.write(mask);
    let start = 0;
    for (const piece of pieces) {
      start = unmask(piece, mask, start);
      isRoom = this.#socket.write(piece);
    }
    this.#socket.uncork();
    return isRoom;
  }

  #closed(payload: Buffer): void {
    const code = payload.length < 2 ? '' : ` with ${payload.readUInt16BE(0)}`;
    const reason = payload.length <= 2 ? '' : ` (${payload.toString('utf8', 2)})`;
    this.#end(failed(`it closed the connection${code}${reason}`));
    if (!this.#isClosing) this.#send(opcodes.close, [closePayload(1000, '')]);
    this.#socket.end();
  }
}
