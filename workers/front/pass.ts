/** One request to one replica, and what comes back. */
import { request, type Agent, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Balancer } from './balancer.ts';

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What is left of a body that was answered already is read for so long, so that its sender comes to read the answer. */
const lingerMs = 10_000;

/**
 * How far a request had got when it failed before anything of an answer had come: the replica took no connection, the connection
 * was one that had been kept (most likely the replica was just closing it), the replica may have worked on it, or it has said nothing
 * for too long.
 */
type Reached = 'nobody' | 'kept connection' | 'replica' | 'silence';

export class NoAnswer extends Error {
  readonly reached: Reached;

  constructor(cause: Error, reached: Reached) {
    super(cause.message, { cause });
    this.reached = reached;
  }
}

export type Target = NonNullable<ReturnType<Balancer['take']>>;

export interface Exchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
  /** The whole body; undefined for one that is passed on as it comes. */
  held: Buffer | undefined;
}

/** Resolves once the answer has gone out, or the client has. Rejects with {@link NoAnswer}. */
export function pass(
  { port, done }: Target,
  { agent, silentMs: timeout }: { agent: Agent; silentMs: number },
  { incoming, outgoing, held }: Exchange,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const { method, url: path, rawHeaders } = incoming;
    const headers = passed(rawHeaders);
    // Node.js frames the body of a POST by itself; that of a GET would go as it is, for another request.
    if (incoming.headers['transfer-encoding'] !== undefined) headers.push('transfer-encoding', 'chunked');
    const upstream = request({ host: '127.0.0.1', port, method, path, headers, agent, timeout });
    let connected = false;
    let answered = false;
    let silent = false;
    // Of an answer that has begun, the answer itself tells how it ends.
    upstream.on('error', (error) => {
      if (outgoing.destroyed) return resolve();
      if (answered) return;
      const kept = upstream.reusedSocket ? 'kept connection' : 'replica';
      reject(new NoAnswer(error, !connected ? 'nobody' : silent ? 'silence' : kept));
    });
    upstream.on('timeout', () => {
      // Of an answer that has begun, it may be the reader who takes his time, or who wants what comes rarely.
      if (answered && !outgoing.closed) return void upstream.setTimeout(timeout);
      silent = true;
      upstream.destroy(new Error(`it has said nothing for ${timeout / 1_000} s`));
    });
    upstream.once('socket', (socket) => {
      const begin = (): void => {
        connected = true;
        if (held === undefined) passOn(incoming, upstream);
      };
      if (socket.connecting) socket.once('connect', begin);
      else begin();
    });
    upstream.once('response', (answer) => {
      answer.once('error', () => outgoing.destroy());
      try {
        outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, passed(answer.rawHeaders));
      } catch (error) {
        reject(new NoAnswer(new Error(`its answer is not HTTP: ${(error as Error).message}`), 'replica'));
        upstream.destroy();
        return;
      }
      answered = true;
      // It lasts as long as its reader likes: nobody waits for its end.
      if (isEventStream(answer)) done();
      answer.pipe(outgoing);
    });
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) upstream.destroy();
      resolve();
    });
    if (held === undefined) endBody(incoming, outgoing, upstream);
    else upstream.end(held);
  });
}

function isEventStream({ headers }: IncomingMessage): boolean {
  return /^text\/event-stream\b/i.test(headers['content-type'] ?? '');
}

/** Only to a replica that took the connection: what has flowed once is there for no other. The rest of what it wants no more is read. */
function passOn(incoming: IncomingMessage, upstream: ClientRequest): void {
  incoming.pipe(upstream);
  upstream.once('close', () => incoming.unpipe(upstream).resume());
}

/** Of a body that was answered, by a replica or by the front, before it had come to its end. */
function endBody(incoming: IncomingMessage, outgoing: ServerResponse, upstream: ClientRequest): void {
  const { socket } = incoming;
  outgoing.once('close', () => {
    if (incoming.complete) return;
    upstream.destroy();
    incoming.unpipe(upstream).resume();
    if (socket.destroyed) return;
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
    incoming.once('end', () => clearTimeout(timer));
    socket.once('close', () => clearTimeout(timer));
  });
}

/** Headers as they came, without those that concern one connection only. */
function passed(raw: string[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const [name = '', value = ''] = [raw[i], raw[i + 1]];
    if (!hopByHop.has(name.toLowerCase())) headers.push(name, value);
  }
  return headers;
}
