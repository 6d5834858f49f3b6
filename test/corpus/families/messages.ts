/** What anybody on a node may send to its local controller: bytes on a socket, HTTP and WebSocket, with the real API behind them. */
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { serveGateway } from '../../../workers/lib/gateway/gateway.ts';
import { healthServer } from '../../../workers/lib/health.ts';
import { logger } from '../../../workers/lib/log.ts';
import { serveTaskApi } from '../../../workers/lib/task-api.ts';
import { NodeTaskBoard } from '../../../workers/lib/task-board.ts';
import { serveWorkerApi, serveWorkerViews } from '../../../workers/lib/worker-api.ts';
import type { ProcessRuntime } from '../../../workers/runtimes/process/process-runtime.ts';
import { clientFrame, RawClient } from '../../workers/support/websocket.ts';
import { caseOf, readExpected } from '../lib/expected.ts';
import type { Family, Found, Parser } from '../lib/family.ts';
import { waitingRuntime, waitingWorker } from '../lib/waiting-worker.ts';
import { answersIn, framesOf, requestOf, type Wire } from '../lib/wire.ts';

/** Of whatever it says; the controller's own bounds in this test are a second. */
const saysWithinMs = 15_000;
const limits = { requestMs: 1_000, stallMs: 1_000, holdMs: 500, messageBytes: 1 << 20 };

export function messages(): Family<Wire> {
  const cases = readExpected<Wire>('messages').map(([name, entry]) => caseOf<Wire>(name, entry, entry));
  return { name: 'messages', cases, parsers: [localController()], boundMs: 10_000, growthMiB: 64 };
}

/** `w` is a federated trainer that only waits. After each case a well-meant request, and a well-meant trainer, are served. */
function localController(): Parser<Wire> {
  const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'messages-'));
  let runtime: ProcessRuntime;
  let server: FastifyInstance;
  let port = 0;
  return {
    name: 'local controller',
    async open() {
      logger.level = 'silent';
      runtime = waitingRuntime(directory);
      ({ server } = healthServer({ missing: () => [] }, limits));
      const board = new NodeTaskBoard(directory, (worker) => runtime.get(worker)?.owner);
      serveWorkerApi(server, runtime);
      serveTaskApi(server, board, limits);
      serveGateway(server, { board, runtime, stateDir: directory, ...limits });
      serveWorkerViews(server, { list: () => runtime.list() });
      await server.listen({ port: 0, host: '127.0.0.1' });
      ({ port } = server.server.address() as AddressInfo);
      await runtime.ensure(waitingWorker('FederatedLearningJob'));
    },
    async close() {
      await runtime.remove('w');
      runtime.detach();
      await server.close();
    },
    async judge(wire) {
      const found = await (wire.frames === undefined ? overHttp(port, wire) : overWebSocket(port, wire));
      await servesOn(port);
      return found;
    },
  };
}

async function overHttp(port: number, wire: Wire): Promise<Found> {
  const request = requestOf(wire);
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const pieces: Buffer[] = [];
  const wanted = wire.pipelined ?? 1;
  const said = new Promise<boolean>((resolve) => {
    socket.on('data', (piece) => {
      pieces.push(piece);
      if (answersIn(Buffer.concat(pieces)).length >= wanted) resolve(true);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(true));
  });
  try {
    socket.write(request);
    finish(socket, wire);
    await within(said, `nothing within ${saysWithinMs} ms`);
  } finally {
    socket.destroy();
  }
  const answers = answersIn(Buffer.concat(pieces));
  const bad = answers.find(({ status }) => status >= 400) ?? answers[0];
  if (bad === undefined) return { verdict: 'refuse', reason: 'closed', message: '' };
  if (bad.status >= 500 && bad.status !== 503) throw new Error(`answered ${bad.status}: ${bad.body}`);
  const value = answers.map(({ status }) => status);
  if (bad.status < 400) return { verdict: 'accept', value };
  return { verdict: 'refuse', reason: String(bad.status), message: `${messageOf(bad.body)} ${bad.headers}` };
}

/** All refusals are in the words of Sedna's API; those of the handshake of a WebSocket are plain text. */
function messageOf(body: string): string {
  if (!body.startsWith('{')) return body;
  const { Status, Message } = JSON.parse(body) as { Status?: number; Message?: string };
  if (typeof Status !== 'number' || typeof Message !== 'string')
    throw new Error(`not in the words of the API: ${body}`);
  return Message;
}

async function overWebSocket(port: number, wire: Wire): Promise<Found> {
  const { client, answer } = await RawClient.open(port);
  if (!answer.includes(' 101 ')) throw new Error(answer);
  try {
    if (wire.trainer === true) await subscribe(client);
    const sent = sendAll(client.socket, framesOf(wire.frames ?? [])).then(() => {
      finish(client.socket, wire);
      // A ping behind it: what is not refused is heard, and everything before it too.
      if (wire.then === undefined) client.send('last', { opcode: 9 });
    });
    const found = await within(ending(client), `neither closed nor heard within ${saysWithinMs} ms`);
    await sent;
    return found;
  } finally {
    client.socket.destroy();
  }
}

async function ending(client: RawClient): Promise<Found> {
  for (;;) {
    const frame = await client.next();
    if (frame === undefined) return { verdict: 'refuse', reason: 'closed', message: '' };
    if (frame.opcode === 10 && String(frame.payload) === 'last') return { verdict: 'accept' };
    if (frame.opcode !== 8) continue;
    const [reason, message] = [String(frame.payload.readUInt16BE(0)), frame.payload.subarray(2).toString()];
    return { verdict: 'refuse', reason, message };
  }
}

async function subscribe(client: RawClient): Promise<void> {
  client.send('{"type":"subscribe","client_id":"w"}');
  const greeting = await within(client.next(), 'no answer to subscribe');
  if (greeting?.opcode !== 1) throw new Error(`not greeted: ${greeting?.payload.toString()}`);
}

/** As fast as they are taken, until nobody takes them any more. */
async function sendAll(socket: Socket, pieces: Iterable<Buffer>): Promise<void> {
  socket.setNoDelay(true);
  let goOn = (): void => undefined;
  socket.on('drain', () => goOn());
  socket.on('close', () => goOn());
  for (const piece of pieces) {
    if (!socket.writable) return;
    if (!socket.write(piece)) await new Promise<void>((resolve) => (goOn = resolve));
  }
}

function finish(socket: Socket, { then, frames }: Wire): void {
  if (then === 'end') socket.end();
  if (then === 'reset') socket.resetAndDestroy();
  if (then !== 'drip') return;
  const more = frames === undefined ? Buffer.from('a') : clientFrame(Buffer.from('drip'), { opcode: 9 });
  const timer = setInterval(() => socket.write(more), 50);
  socket.once('close', () => clearInterval(timer));
}

/** On connections of their own, at once. */
async function servesOn(port: number): Promise<void> {
  const { client } = await RawClient.open(port);
  await subscribe(client);
  client.socket.destroy();
  const answer = await fetch(`http://127.0.0.1:${port}/sedna/workers/w/progress`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"step":1,"total":2}',
    signal: AbortSignal.timeout(saysWithinMs),
  });
  if (answer.status !== 200) throw new Error(`a good report afterwards is answered ${answer.status}`);
  await answer.text();
}

async function within<T>(promise: Promise<T>, problem: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(problem)), saysWithinMs)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
