/** HTTP/1.1, request by request: a client keeps its connection while replicas come and go behind it. */
import { createServer, STATUS_CODES, type Agent, type IncomingMessage } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { answerBroken, boundPipelines } from '../lib/http-bounds.ts';
import type { Balancer } from './balancer.ts';
import { watchPace, type Pace } from './pace.ts';
import { pass, type NoAnswer, type Target } from './pass.ts';
import { ReplicaAgent } from './replica-agent.ts';

export interface FrontLimits {
  /** For the head of a request to arrive, in ms. Default: 20 000. */
  headMs?: number;
  /** How fast a body must come at least. Default: 32 KiB every 30 s. */
  pace?: Pace;
  /** For a replica that is given a request, in ms: it may take as long as it likes, but not say nothing for so long. Default: 120 000. */
  silentMs?: number;
  /** Default: 4 096. */
  connections?: number;
  /** Requests of one connection that wait for their answers at once. Default: 64. */
  pipelined?: number;
}

/** Bodies up to here are held until they have arrived, so that they can be sent once more; larger ones are passed on as they come. */
const heldBytes = 4 << 20;

export function httpProxy(balancer: Balancer, port: string, limits: FrontLimits = {}): Server {
  const { headMs = 20_000, pace = { bytes: 32 << 10, ms: 30_000 }, silentMs = 120_000 } = limits;
  const agents = {
    kept: new ReplicaAgent({ keepAlive: true, scheduling: 'lifo', maxFreeSockets: 256 }),
    single: new ReplicaAgent(),
  };
  const options = {
    noDelay: true,
    // A client that is gone without a word is noticed, also while it only listens.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    keepAliveTimeout: 65_000,
    headersTimeout: headMs,
    // Of bodies the pace is bounded, not the time.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1_000, Math.ceil(headMs / 10)),
  };
  const server = createServer(options, (incoming, outgoing) => {
    if (incoming.socket.destroyed) return;
    balancer.counted();
    if (hasBody(incoming)) watchPace(incoming, pace, () => tooSlow(incoming, outgoing));
    const take = (tried: ReadonlySet<string>): Target | undefined => balancer.take(port, tried);
    void handle({ take, agents, silentMs }, incoming, outgoing).then((answered) => {
      if (!answered) balancer.refuse();
    });
  });
  server.maxConnections = limits.connections ?? 4_096;
  boundPipelines(server, limits.pipelined ?? 64);
  server.on(
    'clientError',
    answerBroken(({ message }) => ({ error: message })),
  );
  return server;
}

interface Passing {
  take: (tried: ReadonlySet<string>) => Target | undefined;
  /** Connections that are kept for the next request, and those of one request. */
  agents: Record<'kept' | 'single', Agent>;
  silentMs: number;
}

/** False: the front had to answer itself. */
async function handle(
  { take, agents, silentMs }: Passing,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<boolean> {
  // What is not held cannot be sent again, so it never goes over a connection that its replica may just be closing.
  const held = await holdBody(incoming).catch(() => null);
  if (held === null) return true; // The client has gone before it had said what it wants.
  const tried = new Set<string>();
  let agent = held === undefined ? agents.single : agents.kept;
  let problem = 'no replica is ready';
  let status = 503;
  while (status === 503) {
    const target = take(tried);
    if (target === undefined) break;
    try {
      await pass(target, { agent, silentMs }, { incoming, outgoing, held });
      return true;
    } catch (error) {
      const { reached, message } = error as NoAnswer;
      problem = `${target.replica.name}: ${message}`;
      if (reached === 'nobody') tried.add(target.replica.name);
      // Once more, over a new connection: should it fail again, the request itself may be what ends replicas.
      else if (reached === 'kept connection') agent = agents.single;
      else status = reached === 'silence' ? 504 : 502;
    } finally {
      target.done();
    }
  }
  refuse(outgoing, status, problem);
  return false;
}

/** 503: no replica took it, the caller may come again. 502, 504: one has taken it and ended, or is silent, and nobody knows. */
function refuse(outgoing: ServerResponse, status: number, problem: string, more: Record<string, string> = {}): void {
  if (outgoing.headersSent || outgoing.destroyed) {
    outgoing.destroy();
    return;
  }
  const body = JSON.stringify({ error: problem });
  outgoing.writeHead(status, STATUS_CODES[status], {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
    ...more,
  });
  outgoing.end(body);
}

function tooSlow({ socket }: IncomingMessage, outgoing: ServerResponse): void {
  refuse(outgoing, 408, 'the request took too long to arrive', { connection: 'close' });
  socket.destroySoon();
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** The body if it is small; undefined for one that must be passed on as it comes. */
function holdBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers;
  if (encoding !== undefined || Number(length ?? 0) > heldBytes) return Promise.resolve(undefined);
  if (!hasBody(incoming)) return Promise.resolve(Buffer.alloc(0));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.once('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
    incoming.once('close', () => reject(new Error('the client has gone')));
    incoming.once('error', reject);
  });
}
