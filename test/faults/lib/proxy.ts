import { connect, createServer, type Server, type Socket } from 'node:net';

/** `pass` forwards; `cut` breaks every connection and refuses new ones; `hang` keeps them open and lets nothing through. */
export type ProxyMode = 'pass' | 'cut' | 'hang';

/** A TCP proxy on loopback that can take the link away between two real processes. */
export class TcpProxy {
  readonly #server: Server;
  readonly #target: { host: string; port: number };
  readonly #pairs = new Set<[Socket, Socket]>();
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
      for (const socket of pair) {
        if (mode === 'cut') socket.destroy();
        else if (mode === 'hang') socket.pause();
        else socket.resume();
      }
    }
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#mode === 'cut') return void client.destroy();
    const upstream = connect(this.#target);
    const pair: [Socket, Socket] = [client, upstream];
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
      if (this.#mode === 'hang') socket.pause();
    }
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => client.write(data));
  }
}
