import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { BigModelError, DeferredAnswers, TierAnswer } from '../../../../sdk/index.ts';
import type { DeferredAnswer, DeferredOptions, Tensors } from '../../../../sdk/index.ts';
import { callbackProblem } from '../../../../sdk/features/joint-inference/deferred/callbacks.ts';
import { Cloud } from '../../../../sdk/features/joint-inference/cloud.ts';
import { HardExampleLog } from '../../../../sdk/ready-made/lib/hard-example-log.ts';
import { until } from '../../support/until.ts';

let folder: string;
let asked: number[];
let answer: (input: number) => unknown;
const opened: DeferredAnswers<number>[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'deferred-'));
  asked = [];
  answer = (input) => input * 10;
});
afterEach(() => Promise.all(opened.splice(0).map((each) => each.close())));

function open(options: Partial<DeferredOptions> = {}): DeferredAnswers<number> {
  const deferred = new DeferredAnswers<number>({ folder, quotaBytes: 8 << 20, maxAgeMs: 60_000, ...options });
  opened.push(deferred);
  return deferred;
}

const cloud = () =>
  new Cloud<number, unknown>({
    circuit: { failures: 1, retryAfterMs: 50 },
    bigModel: {
      infer: async (input) => {
        asked.push(input);
        return answer(input);
      },
    },
  });

const keep = (deferred: DeferredAnswers<number>, input: number, more: { callback?: string } = {}) =>
  deferred.keep({ id: `r${input}`, input, provisional: [0.5, 0.5], ...more });

test('once the cloud is back each request has its final answer, and whoever listens hears of it once', async () => {
  const deferred = open();
  answer = () => {
    throw new Error('down');
  };
  const learnt: unknown[] = [];
  deferred.start(cloud(), async (...example) => void learnt.push(example));
  for (const input of [1, 2, 3]) expect(await keep(deferred, input)).toEqual({ id: `r${input}`, state: 'pending' });
  await until(() => asked.length > 3);
  expect(await deferred.get('r1')).toEqual({ id: 'r1', state: 'pending', provisional: [0.5, 0.5] });
  const heard: DeferredAnswer[] = [];
  const over = new AbortController();
  const listening = (async () => {
    for await (const end of deferred.ends(0, over.signal)) heard.push(end);
  })();
  answer = (input) => input * 10;
  await until(() => heard.length === 3);
  expect(await deferred.get('r3')).toMatchObject({ id: 'r3', state: 'final', answer: 30 });
  expect(heard.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect(heard.map(({ id }) => id).sort()).toEqual(['r1', 'r2', 'r3']);
  await until(() => learnt.length === 3);
  over.abort();
  await listening;
});

test('a degraded answer of a tier is no final one: others have their turn, and it is asked about again until it is final', async () => {
  const deferred = open();
  let cloudIsBack = false;
  // The tier is sure of 9 alone.
  answer = (input) => {
    if (input === 9) return new TierAnswer(90, { answeredBy: 'site', degraded: false });
    return cloudIsBack
      ? new TierAnswer(input * 10, { answeredBy: 'cloud', degraded: false })
      : new TierAnswer(-1, { answeredBy: 'site', degraded: true, reason: 'CircuitOpen' });
  };
  const learnt: unknown[] = [];
  for (const input of [1, 2, 3, 4, 5, 6, 7, 8, 9]) await keep(deferred, input);
  deferred.start(cloud(), async (...example) => void learnt.push(example));
  await until(async () => (await deferred.get('r9'))?.state === 'final');
  await until(() => asked.filter((input) => input === 1).length > 1, 30_000);
  expect(await deferred.counts()).toMatchObject({ pending: 8, final: 1 });
  await until(() => learnt.length > 0);
  expect(learnt).toEqual([[9, 90, { again: false }]]);
  cloudIsBack = true;
  await until(async () => (await deferred.counts()).final === 9, 30_000);
  expect(await deferred.get('r1')).toMatchObject({ state: 'final', answer: 10 });
  await until(() => learnt.length === 9);
}, 60_000);

test('who cannot learn is told again, and that it was', async () => {
  const problems: string[] = [];
  const deferred = open({ onProblem: ({ message }) => problems.push(message) });
  const told: boolean[] = [];
  deferred.start(cloud(), async (_input, _answer, { again }) => {
    told.push(again);
    if (!again) throw new Error('the disk is full');
  });
  await keep(deferred, 1);
  await until(() => told.length === 2);
  expect(told).toEqual([false, true]);
  expect(problems).toEqual(['the disk is full']);
});

/** Of a process that keeps one request, gets its answer and is killed at a point of its way into the index. */
async function killedWhen(point: 'finalised' | 'appended', index: string): Promise<void> {
  const script = fileURLToPath(new URL('./learn-and-die.ts', import.meta.url));
  const child = spawn(process.execPath, [script, folder, index, point], { stdio: ['ignore', 'ignore', 'inherit'] });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
}

test.each([
  ['finalised', 0],
  ['appended', 1],
] as const)('an example whose worker is killed when it is %s is in the index once', async (point, lines) => {
  const index = join(folder, 'hard.jsonl');
  await killedWhen(point, index);
  const there = (): string[] => (existsSync(index) ? readFileSync(index, 'utf8').split('\n').filter(Boolean) : []);
  expect(there()).toHaveLength(lines);
  const log = new HardExampleLog({ url: index, format: 'json' });
  const next = new DeferredAnswers<Tensors>({ folder, quotaBytes: 8 << 20, maxAgeMs: 60_000 });
  expect(await next.get('r1')).toMatchObject({ state: 'final' });
  // As a minute later.
  const database = new DatabaseSync(join(folder, 'deferred.sqlite'));
  expect(database.prepare('UPDATE examples SET leasedUntil = 0').run()).toMatchObject({ changes: 1 });
  database.close();
  const told: boolean[] = [];
  next.start(
    new Cloud({ bigModel: { infer: () => Promise.reject(new Error('down')) } }),
    async (input, answer, options) => {
      await log.append(input, answer as Tensors, options);
      told.push(options.again);
    },
  );
  await until(() => told.length === 1);
  await next.close();
  expect(told).toEqual([true]);
  expect(there()).toEqual(['{"x":[0.5,1],"label":1,"labelledBy":"big-model"}']);
});

test('what the cloud of a tier does not take expires as well', async () => {
  const deferred = open();
  const message = '422: one number too few';
  answer = () => new TierAnswer(-1, { answeredBy: 'site', degraded: true, reason: 'CloudRefused', message });
  deferred.start(cloud());
  await keep(deferred, 1);
  await until(async () => (await deferred.get('r1'))?.state === 'expired');
  expect(await deferred.get('r1')).toMatchObject({ reason: 'CloudRefused', message });
});

test('an input that the big model does not take expires with what it said', async () => {
  const deferred = open();
  answer = () => {
    throw new BigModelError('422: one number too few', { refused: true });
  };
  deferred.start(cloud());
  await keep(deferred, 1);
  await until(async () => (await deferred.get('r1'))?.state === 'expired');
  expect(await deferred.get('r1')).toMatchObject({ reason: 'CloudRefused', message: '422: one number too few' });
  expect(asked).toEqual([1]);
});

test('what waits too long expires', async () => {
  const deferred = open({ maxAgeMs: 100 });
  answer = () => {
    throw new Error('down');
  };
  deferred.start(cloud());
  await keep(deferred, 1);
  const seen: unknown[] = [];
  await until(async () => {
    const { state, reason } = (await deferred.get('r1')) ?? {};
    seen.push(state);
    return reason === 'TooOld';
  });
  expect(seen[0]).toBe('pending');
});

test('a request kept by a process that was killed is answered by the next one', async () => {
  const script = fileURLToPath(new URL('./keep-and-wait.ts', import.meta.url));
  const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data'); // it has said that the request is kept
  child.kill('SIGKILL');
  await once(child, 'exit');
  const deferred = open();
  expect(await deferred.get('r7')).toMatchObject({ state: 'pending' });
  deferred.start(cloud());
  await until(async () => (await deferred.get('r7'))?.answer === 70);
});

test('what another node had is taken in once, answered, and heard of behind what was heard before', async () => {
  const there = open();
  for (const input of [1, 2]) await keep(there, input);
  there.start(cloud());
  await until(async () => (await there.counts()).final === 2);
  await there.close();
  const elsewhere = open();
  await keep(elsewhere, 3);
  await elsewhere.close();
  const store = join(folder, 'deferred.sqlite');
  const before = asked.length;

  folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'deferred-'));
  const problems: string[] = [];
  const onProblem = ({ message }: Error) => void problems.push(message);
  const replicas = [open({ onProblem }), open({ onProblem })];
  await keep(replicas[0] as DeferredAnswers<number>, 4);
  for (const replica of replicas) replica.start(cloud());
  const names = ['broken', 'foreign', 'moved'];
  for (const name of names) mkdirSync(join(folder, 'inherited', `${name}.part`), { recursive: true });
  copyFileSync(store, join(folder, 'inherited', 'moved.part', 'deferred.sqlite'));
  writeFileSync(join(folder, 'inherited', 'broken.part', 'deferred.sqlite'), 'no database'.repeat(1_000));
  new DatabaseSync(join(folder, 'inherited', 'foreign.part', 'deferred.sqlite')).close();
  for (const name of names) renameSync(join(folder, 'inherited', `${name}.part`), join(folder, 'inherited', name));

  const [, other] = replicas;
  await until(async () => (await other?.counts())?.final === 4);
  expect(await other?.get('r3')).toMatchObject({ state: 'final', answer: 30 });
  expect((await other?.get('r1'))?.sequence).toBeGreaterThan(2);
  expect(asked.slice(before).sort()).toEqual([3, 4]);
  await until(() => readdirSync(join(folder, 'inherited')).sort().join() === 'broken.damaged,foreign.damaged');
  expect(problems.sort()).toEqual([
    expect.stringContaining('broken.damaged: file is not a database'),
    expect.stringContaining('foreign.damaged: no such table: counters'),
  ]);
});

test('two replicas that share a folder ask once about each request', async () => {
  const replicas = [open(), open()];
  for (const [i, replica] of replicas.entries()) for (let n = 0; n < 20; n++) await keep(replica, 100 * i + n);
  for (const replica of replicas) replica.start(cloud());
  await until(async () => (await replicas[0]?.counts())?.final === 40);
  expect(asked.sort((a, b) => a - b)).toEqual([...Array(20).keys(), ...[...Array(20).keys()].map((n) => 100 + n)]);
});

test('its id, and the caller, know nothing of a request that was refused', async () => {
  const deferred = open({ callbackHosts: ['127.0.0.1'] });
  expect(await keep(deferred, 1, { callback: 'http://169.254.169.254/latest' })).toEqual({
    id: 'r1',
    state: 'refused',
    message: 'the callback its host 169.254.169.254 is not among those of spec.deferred.callbackHosts',
  });
  expect(await deferred.get('r1')).toBeUndefined();
});

test('callers that give all their requests the same id get an answer to each of them', async () => {
  const deferred = open();
  const deferrals = [];
  for (const input of [1, 2, 2]) deferrals.push(await deferred.keep({ id: 'same', input, provisional: 0 }));
  expect(deferrals.map(({ state }) => state)).toEqual(['pending', 'pending', 'pending']);
  const [first, ...others] = deferrals.map(({ id }) => id);
  expect(first).toBe('same');
  expect(new Set(others).size).toBe(2);
  const long = await deferred.keep({ id: 'x'.repeat(257), input: 3, provisional: 0 });
  expect(long.id).toMatch(/^[0-9a-f-]{36}$/);
  deferred.start(cloud());
  await until(async () => (await deferred.counts()).final === 4);
  const answers = await Promise.all([...deferrals, long].map(async ({ id }) => (await deferred.get(id))?.answer));
  expect(answers).toEqual([10, 20, 20, 30]);
});

test('a disk that is slower than the deadline is said to be', async () => {
  const deferred = open();
  const lock = new DatabaseSync(join(folder, 'deferred.sqlite'));
  await until(async () => (await deferred.counts()).pending === 0);
  lock.exec('BEGIN EXCLUSIVE');
  const { state, message } = await deferred.keep({ id: 'r1', input: 1, provisional: 0, withinMs: 50 });
  expect({ state, message }).toEqual({ state: 'unconfirmed', message: expect.stringContaining('by the deadline') });
  lock.exec('ROLLBACK');
  lock.close();
  await until(async () => (await deferred.get('r1'))?.state === 'pending');
});

test('a caller that fails, or leads elsewhere, is told again until it has it', async () => {
  const told: { url?: string; body: unknown; key: unknown }[] = [];
  const server: Server = createServer((request, response) => {
    void json(request).then((body) => {
      told.push({ url: request.url, body, key: request.headers['idempotency-key'] });
      // A redirect is not followed: it is an answer that is none.
      response.writeHead(told.length === 1 ? 307 : 204, { location: '/elsewhere' }).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const deferred = open({ callbackHosts: ['127.0.0.1'] });
  deferred.start(cloud());
  const callback = `http://127.0.0.1:${(server.address() as AddressInfo).port}/answers`;
  await keep(deferred, 4, { callback });
  await until(() => told.length === 2);
  expect(told[1]).toEqual(told[0]);
  expect(told[0]).toMatchObject({ url: '/answers', body: { id: 'r4', state: 'final', answer: 40 }, key: 'r4' });
  server.close();
});

test('an end that somebody has asked for is told to its callback all the same', async () => {
  let told = 0;
  const server: Server = createServer((_request, response) => {
    told += 1;
    response.writeHead(told === 1 ? 503 : 204).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const deferred = open({ callbackHosts: ['127.0.0.1'] });
  deferred.start(cloud());
  await keep(deferred, 4, { callback: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` });
  await until(() => told === 1);
  expect(await deferred.get('r4', { fetched: true })).toMatchObject({ state: 'final', answer: 40 });
  await until(() => told === 2);
  server.close();
});

test('a caller that hangs holds up nobody else, and is called once at a time', async () => {
  const told: unknown[] = [];
  let hanging = 0;
  let most = 0;
  const hangs = createServer((request) => {
    most = Math.max(most, (hanging += 1));
    request.socket.once('close', () => (hanging -= 1));
  }).listen(0, '127.0.0.1');
  const answers = createServer((request, response) => {
    void json(request).then((body) => (told.push((body as DeferredAnswer).id), response.end()));
  }).listen(0, '127.0.0.1');
  await Promise.all([once(hangs, 'listening'), once(answers, 'listening')]);
  const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const deferred = open({ callbackHosts: ['127.0.0.1'] });
  for (const input of [1, 2, 3]) await keep(deferred, input, { callback: urlOf(hangs) });
  for (const input of [4, 5, 6]) await keep(deferred, input, { callback: urlOf(answers).replace('http', 'HTTP') });
  deferred.start(cloud());
  await until(() => told.length === 3 && hanging === 1);
  expect(most).toBe(1);
  expect(told.sort()).toEqual(['r4', 'r5', 'r6']);
  const began = performance.now();
  await deferred.close();
  // It waits for no caller.
  expect(performance.now() - began).toBeLessThan(5_000);
  for (const server of [hangs, answers]) {
    server.closeAllConnections();
    server.close();
  }
});

test.each([
  ['https://hooks.example.org/x', undefined],
  ['https://a.b.example.net/', undefined],
  ['http://10.0.0.1:8080/', undefined],
  ['http://10.0.0.1:81/', /its host 10\.0\.0\.1:81 is not among/],
  ['https://example.net/', /its host example\.net is not among/],
  ['https://evilexample.net/', /is not among/],
  ['https://hooks.example.org.evil.org/', /is not among/],
  ['https://user:pw@hooks.example.org/', /must hold no credentials/],
  ['file:///etc/passwd', /is no http or https URL/],
  ['hooks.example.org', /is no http or https URL/],
])('callback %s: %s', (url, problem) => {
  const found = callbackProblem(url, ['hooks.example.org', '*.example.net', '10.0.0.1:8080']);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(problem);
});

test('a callback of endless length is refused', () => {
  expect(callbackProblem(`https://hooks.example.org/${'x'.repeat(2_048)}`, ['hooks.example.org'])).toMatch(/longer/);
});

test('a store that cannot be opened refuses, says why, and is opened once it can be', async () => {
  const inTheWay = join(folder, 'state');
  writeFileSync(inTheWay, 'no folder');
  const deferred = open({ folder: inTheWay, onProblem: () => undefined });
  expect(await keep(deferred, 1)).toMatchObject({
    state: 'refused',
    message: expect.stringMatching(/EEXIST|ENOTDIR/) as unknown,
  });
  unlinkSync(inTheWay);
  await until(async () => (await keep(deferred, 1)).state === 'pending');
});
