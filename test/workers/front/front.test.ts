/** A front as a process of its own, with replicas that come, go and die behind it. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../../deploy/local/files.ts';
import { controlPort, frontVariables, replicaFile, type FrontStats } from '../../../workers/front/protocol.ts';
import { freePort } from '../../../workers/lib/ports.ts';
import { eventually } from '../../support/eventually.ts';

interface Backend {
  name: string;
  server: Server;
  port: number;
  seen: { url: string; body: string; host: string }[];
}

let directory: string;
let front: ChildProcess;
let ports: Record<string, number>;
let version = 0;
const open: (Server | TcpServer)[] = [];

beforeEach(async () => {
  version = 0;
  directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'front-'));
  ports = { http: await freePort(), grpc: await freePort(), [controlPort]: await freePort() };
  front = spawn(process.execPath, [join(packageRoot(), 'workers/front/main.ts')], {
    env: {
      PATH: process.env['PATH'],
      [frontVariables.directory]: directory,
      [frontVariables.http]: 'http',
      [frontVariables.ports]: JSON.stringify(ports),
    },
    stdio: 'inherit',
  });
  await eventually(() => stats());
});

afterEach(async () => {
  front.kill('SIGKILL');
  for (const server of open.splice(0)) {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  }
});

async function stats(path = '/stats', method = 'GET'): Promise<FrontStats> {
  const answer = await fetch(`http://127.0.0.1:${ports[controlPort]}${path}`, { method });
  return (await answer.json()) as FrontStats;
}

/** As the local controller does it: the file as a whole, then a word. */
async function use(replicas: { name: string; ports: Record<string, number> }[]): Promise<void> {
  const file = join(directory, replicaFile);
  writeFileSync(`${file}.new`, JSON.stringify({ version: ++version, replicas }));
  renameSync(`${file}.new`, file);
  expect((await stats('/reload', 'POST')).version).toBe(version);
}

async function backend(name: string, answer?: (end: (text: string) => void) => void): Promise<Backend> {
  const seen: Backend['seen'] = [];
  const server = createServer((incoming, outgoing) => {
    let body = '';
    incoming.setEncoding('latin1');
    incoming.on('data', (chunk: string) => (body += chunk));
    incoming.on('end', () => {
      seen.push({ url: incoming.url ?? '', body, host: incoming.headers.host ?? '' });
      const end = (text: string): void => void outgoing.setHeader('x-replica', name).end(text);
      if (answer === undefined) end(`${name}:${body.length}`);
      else answer(end);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(server);
  return { name, server, port: (server.address() as AddressInfo).port, seen };
}

const replica = ({ name, port }: { name: string; port: number }) => ({ name, ports: { http: port } });

interface Answer {
  status: number;
  text: string;
  headers: Record<string, unknown>;
}

function ask(body = '', agent?: Agent, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { host: '127.0.0.1', port: ports['http'], method: 'POST', path: '/v2/x?y=1', agent, headers },
      (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (chunk: string) => (text += chunk));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text, headers: incoming.headers }));
        incoming.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

test('requests go to the replica with the fewest in flight; path, headers and body arrive as they were', async () => {
  const [a, b] = [await backend('a'), await backend('b')];
  await use([replica(a), replica(b)]);
  for (let i = 0; i < 10; i++) expect((await ask('hello')).status).toBe(200);
  expect([a.seen.length, b.seen.length]).toEqual([5, 5]);
  expect(a.seen[0]).toEqual({ url: '/v2/x?y=1', body: 'hello', host: `127.0.0.1:${ports['http']}` });
  expect(await stats()).toMatchObject({ requests: 10, refused: 0, inFlight: {} });
});

test('a slow replica gets less than a fast one', async () => {
  const waiting: (() => void)[] = [];
  const slow = await backend('slow', (end) => waiting.push(() => end('late')));
  const fast = await backend('fast');
  await use([replica(slow), replica(fast)]);
  const first = [ask(), ask()];
  await eventually(() => expect(slow.seen).toHaveLength(1));
  for (let i = 0; i < 5; i++) expect((await ask()).text).toBe('fast:0');
  waiting.forEach((end) => end());
  expect((await Promise.all(first)).map(({ text }) => text).sort()).toEqual(['fast:0', 'late']);
});

test('a client that keeps its connection never sees a swap, and what the old replica has is still answered', async () => {
  const waiting: (() => void)[] = [];
  const old = await backend('old', (end) => waiting.push(() => end('old')));
  const fresh = await backend('fresh');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await use([replica(old)]);
  const first = ask('1', agent);
  await eventually(() => expect(old.seen).toHaveLength(1));
  await use([replica(fresh)]);
  expect((await stats()).inFlight).toEqual({ old: 1 });
  expect((await ask('2')).text).toBe('fresh:1');
  waiting.forEach((end) => end());
  expect((await first).text).toBe('old');
  expect((await ask('3', agent)).text).toBe('fresh:1');
  expect((await stats()).inFlight).toEqual({});
  agent.destroy();
});

test('a replica that refuses connections, or has closed the one that was kept, costs nobody a request', async () => {
  const [gone, there] = [await backend('gone'), await backend('there')];
  await use([replica(gone), replica(there)]);
  for (let i = 0; i < 4; i++) await ask('x');
  gone.server.close();
  gone.server.closeAllConnections();
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask('y')));
  expect(answers.map(({ text }) => text)).toEqual(answers.map(() => 'there:1'));
});

test('a replica that has closed the connection that was kept gets the request over a new one', async () => {
  const only = await backend('only');
  await use([replica(only)]);
  await Promise.all(Array.from({ length: 5 }, () => ask('x')));
  only.server.closeAllConnections();
  const answers = await Promise.all(Array.from({ length: 5 }, () => ask('y')));
  expect(answers.map(({ text }) => text)).toEqual(answers.map(() => 'only:1'));
});

test('one that ends while it works on a request: 502 for this one, and it is not tried on the next', async () => {
  const dies = await backend('dies', () => dies.server.closeAllConnections());
  const other = await backend('other');
  await use([replica(dies)]);
  const answer = await ask('z');
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.text)).toEqual({ error: expect.stringContaining('dies: ') });
  await use([replica(other)]);
  expect((await ask('z')).text).toBe('other:1');
  expect(other.seen).toHaveLength(1);
});

test('without a replica: 503, and when to come again', async () => {
  await use([]);
  const answer = await ask('x');
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(JSON.parse(answer.text)).toEqual({ error: 'no replica is ready' });
  expect((await stats()).refused).toBe(1);
});

test('large and chunked bodies pass as they come', async () => {
  const only = await backend('only');
  await use([replica(only)]);
  const large = 'x'.repeat(9 << 20);
  expect((await ask(large)).text).toBe(`only:${large.length}`);
  expect((await ask('chunk', undefined, { 'transfer-encoding': 'chunked' })).text).toBe('only:5');
});

test('other ports are forwarded byte by byte, to a replica that takes the connection', async () => {
  const echo = createTcpServer((socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  open.push(echo);
  const dead = await freePort();
  await use([
    { name: 'dead', ports: { grpc: dead } },
    { name: 'live', ports: { grpc: (echo.address() as AddressInfo).port } },
  ]);
  for (let i = 0; i < 3; i++) {
    const told = await new Promise<string>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: ports['grpc'] ?? 0 }, () => socket.write(`hello ${i}`));
      socket.once('data', (data) => {
        resolve(data.toString());
        socket.destroy();
      });
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('closed')));
    });
    expect(told).toBe(`hello ${i}`);
  }
});

test('asked to end, it answers what it has first', async () => {
  const waiting: (() => void)[] = [];
  const only = await backend('only', (end) => {
    // The first one waits; one that comes before the front knows of its end is answered.
    if (waiting.length === 0) waiting.push(() => end('done'));
    else end('soon');
  });
  await use([replica(only)]);
  const last = ask('x');
  await eventually(() => expect(only.seen).toHaveLength(1));
  const ended = new Promise<number | null>((resolve) => front.once('exit', resolve));
  front.kill('SIGTERM');
  await eventually(async () => {
    await expect(ask('y', new Agent())).rejects.toThrow('ECONNREFUSED');
  });
  waiting.forEach((end) => end());
  expect((await last).text).toBe('done');
  expect(await ended).toBe(0);
});
