import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * `pass` forwards; `cut` breaks every connection and refuses new ones; `hang` keeps them open and lets nothing through;
 * `lose` lets requests through and drops every answer: what was asked is done, and whoever asked cannot know;
 * `late` holds every answer back for `lateMs`.
 */
export type ProxyMode = 'pass' | 'cut' | 'hang' | 'lose' | 'late';

export const lateMs = 2_000;

interface Pair {
  client: Socket;
  upstream: Socket;
  /** Answers were dropped: the byte stream is broken for good. */
  broken: boolean;
  /** Answers that are held back, in order. */
  held: { due: number; data: Buffer }[];
  timer: NodeJS.Timeout | undefined;
}

/** A TCP proxy on loopback that can take the link away between two real processes. */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: { host: string; port: number };
  readonly #pairs = new Set<Pair>();
  #mode: ProxyMode = 'pass';
  port = 0;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    return this;
  }

  set(mode: ProxyMode): void {
    this.#mode = mode;
    for (const pair of this.#pairs) {
      const sockets = [pair.client, pair.upstream];
      if (mode === 'cut' || pair.broken) sockets.forEach((socket) => socket.destroy());
      else if (mode === 'hang') sockets.forEach((socket) => socket.pause());
      else sockets.forEach((socket) => socket.resume());
    }
  }

  async close(): Promise<void> {
    for (const { client, upstream } of this.#pairs) for (const socket of [client, upstream]) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#mode === 'cut') return void client.destroy();
    const pair: Pair = { client, upstream: connect(this.#target), broken: false, held: [], timer: undefined };
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      clearTimeout(pair.timer);
      client.destroy();
      pair.upstream.destroy();
    };
    for (const socket of [client, pair.upstream]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
      if (this.#mode === 'hang') socket.pause();
    }
    client.on('data', (data) => pair.upstream.write(data));
    pair.upstream.on('data', (data) => this.#answer(pair, data));
  }

  #answer(pair: Pair, data: Buffer): void {
    if (this.#mode === 'lose' || pair.broken) {
      pair.broken = true;
      return;
    }
    const due = this.#mode === 'late' ? performance.now() + lateMs : 0;
    // Order is kept: nothing overtakes what is held back.
    if (due === 0 && pair.held.length === 0) return void pair.client.write(data);
    pair.held.push({ due, data });
    this.#release(pair);
  }

  #release(pair: Pair): void {
    clearTimeout(pair.timer);
    const now = performance.now();
    while ((pair.held[0]?.due ?? Infinity) <= now) pair.client.write(pair.held.shift()?.data ?? Buffer.alloc(0));
    const [next] = pair.held;
    if (next !== undefined) pair.timer = setTimeout(() => this.#release(pair), Math.ceil(next.due - now));
  }
}
