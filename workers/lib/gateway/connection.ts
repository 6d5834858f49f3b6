/** One WebSocket of a trainer: bytes in, whole frames out, every wait bounded but that for its next update. */
import type { Socket } from 'node:net';
import { readFile } from 'node:fs/promises';
import { Closing, closeCodes, FrameDecoder, type FrameEvent } from './frame-decoder.ts';
import { closePayload, frameHeader, opcodes } from './frames.ts';

export interface Receiver {
  data(bytes: Buffer): Promise<void> | void;
  end(): Promise<void>;
}

export interface ConnectionLimits {
  /** Bytes of one message. */
  messageBytes: number;
  /** Until the trainer has said who it is, whatever else it says; silence that is allowed in the middle of a message. In ms. */
  stallMs: number;
}

/** After our close frame the other side may send its own for so long. */
const farewellMs = 2_000;
/** Of frames that the other side does not read. */
const mostUnread = 64 << 20;
/** Pings are left unanswered while so much is unread: one answer may stand for many (RFC 6455, section 5.5.3). */
const mostUnreadPongs = 64 << 10;

export class Connection {
  readonly #socket: Socket;
  readonly #limits: ConnectionLimits;
  readonly #decoder: FrameDecoder;
  readonly #over = new AbortController();
  readonly #stranger: NodeJS.Timeout;
  #isKnown = false;

  constructor(socket: Socket, limits: ConnectionLimits) {
    this.#socket = socket;
    this.#limits = limits;
    this.#decoder = new FrameDecoder(limits.messageBytes);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    socket.on('error', () => this.#over.abort());
    socket.once('close', () => this.#over.abort());
    socket.on('timeout', () => this.#stalled());
    this.#stranger = setTimeout(() => this.#timeOut('no subscribe came'), limits.stallMs);
    this.over.addEventListener('abort', () => clearTimeout(this.#stranger), { once: true });
  }

  /** Aborted as soon as nothing can be said any more. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** It said who it is: from now on it may be silent, for it trains. */
  known(): void {
    this.#isKnown = true;
    clearTimeout(this.#stranger);
  }

  /** Hears until the other side or `close` ends it. What the receiver throws closes the connection, and is thrown. */
  async run(first: Buffer, receiver: Receiver): Promise<void> {
    try {
      if (first.length > 0) await this.#hear(first, receiver);
      this.#awaitMore();
      for await (const piece of this.#socket.iterator({ destroyOnReturn: false })) {
        if (this.over.aborted) break;
        await this.#hear(piece as Buffer, receiver);
        this.#awaitMore();
      }
      this.close(closeCodes.goingAway, '');
    } catch (error) {
      if (this.over.aborted) return;
      const { code, message } = error instanceof Closing ? error : new Closing(closeCodes.internal, String(error));
      this.close(code, message);
      throw error;
    }
  }

  async sendText(text: string): Promise<void> {
    await this.#send(opcodes.text, Buffer.from(text));
  }

  async sendFile(path: string): Promise<void> {
    await this.#send(opcodes.text, await readFile(path));
  }

  /** Says why, gives the other side the time to hear it, and ends. */
  close(code: number, reason: string): void {
    if (this.over.aborted) return;
    this.#over.abort();
    const payload = closePayload(code, reason);
    this.#socket.write(frameHeader(opcodes.close, payload.length));
    this.#socket.end(payload);
    // What is still on its way is thrown away: unread bytes would make the system reset the connection before the reason arrives.
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), farewellMs).unref();
  }

  async #hear(piece: Buffer, receiver: Receiver): Promise<void> {
    // Now it is this side that takes its time.
    this.#socket.setTimeout(0);
    for (const event of this.#decoder.push(piece)) {
      if (this.over.aborted) return;
      await this.#handle(event, receiver);
    }
  }

  async #handle(event: FrameEvent, receiver: Receiver): Promise<void> {
    switch (event.kind) {
      case 'data':
        return receiver.data(event.bytes);
      case 'end':
        return receiver.end();
      case 'ping':
        if (this.#socket.writableLength > mostUnreadPongs) return;
        return this.#send(opcodes.pong, event.bytes);
      case 'pong':
        return;
      case 'close':
        this.close(1000, '');
    }
  }

  async #send(opcode: number, payload: Buffer): Promise<void> {
    if (this.over.aborted) return;
    if (this.#socket.writableLength > mostUnread) throw new Closing(closeCodes.policy, 'answers are not read');
    this.#socket.cork();
    this.#socket.write(frameHeader(opcode, payload.length));
    this.#socket.write(payload);
    this.#socket.uncork();
  }

  #awaitMore(): void {
    this.#socket.setTimeout(this.#isKnown && this.#decoder.isWithin ? this.#limits.stallMs : 0);
  }

  /** A process that was busy for so long finds the timer due and the bytes unread: what has come in time is read first. */
  #stalled(): void {
    const { bytesRead } = this.#socket;
    setImmediate(() => {
      if (this.#socket.bytesRead === bytesRead) this.#timeOut('a message was begun and not ended');
      else this.#awaitMore();
    });
  }

  #timeOut(what: string): void {
    this.close(closeCodes.policy, `${what} within ${this.#limits.stallMs / 1000} s`);
  }
}
