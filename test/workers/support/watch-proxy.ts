/** In front of an API server: lists from an old view, and watches whose events are dropped, told twice, late, or long after. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Kube } from '../../../activities/control/kube/client.ts';

export interface WatchEvent {
  type: string;
  object: { metadata: { name: string; uid: string; resourceVersion: string } };
}

/** What comes out of a watch in the place of one event; `before`: those that its server has told so far. */
export type Distortion = (event: WatchEvent, before: readonly WatchEvent[]) => WatchEvent[];

export class WatchProxy {
  readonly #upstream: URL;
  readonly #options: RequestOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watches = new Set<ServerResponse>();
  /** Lists as they were when `remember` was called, by path. */
  readonly #old = new Map<string, string>();
  readonly #told = new Map<string, WatchEvent[]>();
  distort: Distortion | undefined;
  /** Lists are answered as they were. */
  isBehind = false;
  /** By path: how often a list was answered from the old view. */
  readonly oldLists = new Map<string, number>();

  private constructor(upstream: URL, options: RequestOptions) {
    this.#upstream = upstream;
    this.#options = options;
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.on('connection', (socket) => this.#sockets.add(socket));
  }

  static async before(kube: Kube): Promise<WatchProxy> {
    const options: RequestOptions = {};
    await kube.config.applyToHTTPSOptions(options);
    const proxy = new WatchProxy(new URL(kube.config.getCurrentCluster()?.server ?? ''), options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** A kubeconfig that leads here; the way on is the proxy's. */
  get kubeconfig(): string {
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const named = (kind: string, value: object) => [{ name: 'x', [kind]: value }];
    return JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'x',
      // Of plain HTTP the client wants to hear that it is meant.
      clusters: named('cluster', { server, 'insecure-skip-tls-verify': true }),
      users: named('user', {}),
      contexts: named('context', { cluster: 'x', user: 'x' }),
    });
  }

  /** Keeps what a list says now. */
  async remember(path: string): Promise<void> {
    this.#old.set(path, await textOf(await this.#ask('GET', path)));
  }

  /** All watches end as those of a server do that has forgotten: whoever watched lists again. */
  expire(): void {
    const status = { kind: 'Status', apiVersion: 'v1', code: 410, reason: 'Expired', metadata: {} };
    for (const watch of this.#watches) watch.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    this.#watches.clear();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://x');
      const old = this.isBehind && request.method === 'GET' ? this.#old.get(pathname) : undefined;
      const isWatch = searchParams.get('watch') === 'true';
      if (old !== undefined && !isWatch) {
        this.oldLists.set(pathname, (this.oldLists.get(pathname) ?? 0) + 1);
        return void response.writeHead(200, { 'content-type': 'application/json' }).end(old);
      }
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const answer = await this.#ask(request.method ?? 'GET', request.url ?? '', request, Buffer.concat(chunks));
      response.on('close', () => answer.destroy());
      response.writeHead(answer.statusCode ?? 502, { 'content-type': answer.headers['content-type'] ?? 'text/plain' });
      if (isWatch && answer.statusCode === 200) await this.#watch(pathname, answer, response);
      else answer.pipe(response);
    } catch {
      response.destroy();
    }
  }

  async #watch(path: string, answer: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#watches.add(response);
    response.on('close', () => this.#watches.delete(response));
    response.flushHeaders();
    const told = this.#told.get(path) ?? [];
    this.#told.set(path, told);
    for await (const line of createInterface({ input: answer })) {
      const event = JSON.parse(line) as WatchEvent;
      const out = this.distort?.(event, told) ?? [event];
      told.push(event);
      if (!response.writable) break;
      for (const one of out) response.write(`${JSON.stringify(one)}\n`);
    }
    response.end();
  }

  async #ask(method: string, path: string, of?: IncomingMessage, body?: Buffer): Promise<IncomingMessage> {
    const type = of?.headers['content-type'];
    const own = this.#options.headers as Record<string, string> | undefined;
    const headers = { ...own, ...(type === undefined ? {} : { 'content-type': type }), accept: 'application/json' };
    const { hostname, port } = this.#upstream;
    const request = httpsRequest({ ...this.#options, hostname, port, method, path, headers });
    request.end(body);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    return answer;
  }
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text;
}
