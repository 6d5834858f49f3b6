/** HTTP/1.1, request by request: a client keeps its connection while replicas come and go behind it. */
import { Agent, createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Balancer } from './balancer.ts';

/** Bodies up to here are held until they have arrived, so that they can be sent once more; larger ones are passed on as they come. */
const heldBytes = 4 << 20;
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

/**
 * How far a request had got when it failed before anything of an answer had come: the replica took no connection, the connection
 * was one that had been kept (most likely the replica was just closing it), or the replica may have worked on it.
 */
type Reached = 'nobody' | 'kept connection' | 'replica';

class NoAnswer extends Error {
  readonly reached: Reached;

  constructor(cause: Error, reached: Reached) {
    super(cause.message, { cause });
    this.reached = reached;
  }
}

type Target = NonNullable<ReturnType<Balancer['take']>>;

interface Exchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
  /** The whole body; undefined for one that is passed on as it comes. */
  held: Buffer | undefined;
}

export function httpProxy(balancer: Balancer, port: string): Server {
  const agent = new Agent({ keepAlive: true, scheduling: 'lifo', maxFreeSockets: 256 });
  const server = createServer({ noDelay: true, keepAliveTimeout: 65_000, requestTimeout: 0 }, (incoming, outgoing) => {
    balancer.counted();
    void handle((tried) => balancer.take(port, tried), agent, incoming, outgoing).then((answered) => {
      if (!answered) balancer.refuse();
    });
  });
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
  });
  return server;
}

/** False: the front had to answer itself. */
async function handle(
  take: (tried: ReadonlySet<string>) => Target | undefined,
  agent: Agent,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<boolean> {
  // What is not held cannot be sent again, so it never goes over a connection that its replica may just be closing.
  const held = await holdBody(incoming).catch(() => null);
  if (held === null) return true; // The client has gone before it had said what it wants.
  const tried = new Set<string>();
  let keptOnes: Agent | false = agent;
  let problem = 'no replica is ready';
  let taken = false;
  while (!taken) {
    const target = take(tried);
    if (target === undefined) break;
    try {
      await pass(target, held === undefined ? false : keptOnes, { incoming, outgoing, held });
      return true;
    } catch (error) {
      const { reached, message } = error as NoAnswer;
      problem = `${target.replica.name}: ${message}`;
      if (reached === 'nobody') tried.add(target.replica.name);
      // Once more, over a new connection: should it fail again, the request itself may be what ends replicas.
      else if (reached === 'kept connection') keptOnes = false;
      else taken = true;
    } finally {
      target.done();
    }
  }
  refuse(outgoing, problem, taken);
  return false;
}

/** No replica took it: 503, the caller may come again. One has taken it and ended before it answered: 502, and nobody knows. */
function refuse(outgoing: ServerResponse, problem: string, taken: boolean): void {
  if (outgoing.headersSent || outgoing.destroyed) {
    outgoing.destroy();
    return;
  }
  const body = JSON.stringify({ error: problem });
  outgoing.writeHead(taken ? 502 : 503, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(taken ? {} : { 'retry-after': '1' }),
  });
  outgoing.end(body);
}

/** The body if it is small; undefined for one that must be passed on as it comes. */
function holdBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers;
  if (encoding !== undefined || Number(length ?? 0) > heldBytes) return Promise.resolve(undefined);
  if (Number(length ?? 0) === 0) return Promise.resolve(Buffer.alloc(0));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.once('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    incoming.once('close', () => reject(new Error('the client has gone')));
    incoming.once('error', reject);
  });
}

/** Resolves once the answer has gone out, or the client has. Rejects with {@link NoAnswer}. */
function pass({ port }: Target, agent: Agent | false, { incoming, outgoing, held }: Exchange): Promise<void> {
  return new Promise((resolve, reject) => {
    const { method, url } = incoming;
    const upstream = request({
      host: '127.0.0.1',
      port,
      method,
      path: url,
      headers: passed(incoming.rawHeaders),
      agent,
    });
    let connected = false;
    let answered = false;
    const failed = (error: Error): void => {
      if (answered || outgoing.destroyed) {
        outgoing.destroy();
        resolve();
      } else reject(new NoAnswer(error, !connected ? 'nobody' : upstream.reusedSocket ? 'kept connection' : 'replica'));
    };
    upstream.once('error', failed);
    upstream.once('socket', (socket) => {
      if (!socket.connecting) connected = true;
      else socket.once('connect', () => (connected = true));
      if (held === undefined) {
        if (connected) incoming.pipe(upstream);
        else socket.once('connect', () => incoming.pipe(upstream));
      }
    });
    upstream.once('response', (answer) => {
      answered = true;
      outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, passed(answer.rawHeaders));
      answer.pipe(outgoing);
      answer.once('error', () => outgoing.destroy());
    });
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) upstream.destroy();
      resolve();
    });
    if (held !== undefined) upstream.end(held);
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
