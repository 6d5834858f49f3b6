import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { InferenceService } from '../service.ts';
import type { RequestHandler } from './handler.ts';
import { sendJson } from './respond.ts';

export interface HttpLimits {
  /** For a request to arrive completely, in ms; its head alone within a third of it. Default: 30 000. */
  requestMs?: number;
  /** Of idle connections, in ms. Default: 75 000. */
  keepAliveMs?: number;
  /** For a connection on which nothing moves, in ms. Default: 120 000. */
  silentMs?: number;
  connections?: number;
}

export interface HttpServer {
  readonly port: number;
  /** Resolves when all answers under way are sent or `boundMs` is over; what comes meanwhile is told to go elsewhere by the service. */
  drained(boundMs: number): Promise<void>;
  close(): Promise<void>;
}

const DEFAULT_CONNECTIONS = 4_096;

/** Server on plain HTTP/1.1 that asks handlers in turn; what none answers is 404. */
export async function listenHttp(
  service: InferenceService,
  handlers: readonly RequestHandler[],
  { host, port, limits = {} }: { host: string; port: number; limits?: HttpLimits },
): Promise<HttpServer> {
  const server = createServer(timeouts(limits));
  server.maxConnections = limits.connections ?? DEFAULT_CONNECTIONS;
  server.timeout = limits.silentMs ?? 120_000;
  const open = new OpenResponses();
  server.on('request', (request, response) => {
    open.add(response);
    if (service.draining) response.shouldKeepAlive = false;
    if (handlers.some((handler) => handler(request, response))) return;
    sendJson(response, 404, { error: `${request.method} ${request.url?.slice(0, 200)} does not exist` });
  });
  server.on('clientError', answerBroken);
  await listening(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    drained: (boundMs) => open.none(boundMs),
    close: () => closed(server),
  };
}

export function timeouts({ requestMs = 30_000, keepAliveMs = 75_000 }: HttpLimits) {
  return {
    requestTimeout: requestMs,
    headersTimeout: Math.ceil(requestMs / 3),
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(requestMs / 10)),
    noDelay: true,
  };
}

/** What the parser refuses never becomes a request: it is answered by hand, with JSON too. */
function answerBroken(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const [status, message] = BROKEN[error.code ?? ''] ?? ['400 Bad Request', 'this is not HTTP'];
  const body = JSON.stringify({ error: message });
  const head = [`HTTP/1.1 ${status}`, 'content-type: application/json', `content-length: ${body.length}`];
  socket.end(`${[...head, 'connection: close'].join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

const BROKEN: Record<string, [string, string]> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request took too long to arrive'],
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too large'],
};

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Responses that are not sent yet. */
class OpenResponses {
  readonly #open = new Set<ServerResponse>();
  #onNone: (() => void) | undefined;

  add(response: ServerResponse): void {
    this.#open.add(response);
    response.on('close', () => {
      this.#open.delete(response);
      if (this.#open.size === 0) this.#onNone?.();
    });
  }

  none(boundMs: number): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, boundMs);
      this.#onNone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
