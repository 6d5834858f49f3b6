import { afterEach, beforeEach, expect, test } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WorkerView } from '../../activities/edge/runtime.ts';
import { WorkerLog } from '../../cli/lib/worker-log.ts';
import { serveWorkerViews } from '../../workers/lib/worker-api.ts';
import { temporaryFolder } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

const file = join(temporaryFolder('worker-log'), 'w.log');
let state: WorkerView['state'];
let more: Partial<WorkerView>;
let server: FastifyInstance;
let port = 0;
let asked = 0;
let printed: Uint8Array[] = [];
const text = (): string => Buffer.concat(printed).toString('utf8');

async function serve(): Promise<void> {
  server = Fastify();
  server.addHook('onRequest', async () => void asked++);
  serveWorkerViews(server, { list: () => [{ name: 'w', log: file, state, ...more } as WorkerView] });
  port = Number(new URL(await server.listen({ port, host: '127.0.0.1' })).port);
}

beforeEach(async () => {
  [state, more, port, printed, asked] = ['running', {}, 0, [], 0];
  await serve();
});
afterEach(() => server.close());

const logOf = (name: string): WorkerLog =>
  new WorkerLog({ name, node: 'edge-1', address: `http://127.0.0.1:${port}` }, (bytes) => void printed.push(bytes));

test('all of a log that is longer than one answer, to the last line, and no character is torn', async () => {
  const all = Array.from({ length: 60_000 }, (_, i) => `line ${i} of a worker in Zürich: 温度 21 °C\n`).join('');
  writeFileSync(file, all);
  expect(await logOf('w').printAll()).toBe(false);
  expect(printed.length).toBeGreaterThan(2);
  expect(text()).toBe(all);
});

test('follows through an absence of the local controller, until the worker has ended', async () => {
  writeFileSync(file, 'one\n');
  const following = logOf('w').follow();
  await eventually(() => expect(text()).toBe('one\n'));
  await server.close();
  appendFileSync(file, 'two\n');
  await serve();
  await eventually(() => expect(text()).toBe('one\ntwo\n'));
  appendFileSync(file, 'last words\n');
  state = 'exited';
  await following;
  expect(text()).toBe('one\ntwo\nlast words\n');
});

test('follows a worker that comes back, until it is removed', async () => {
  writeFileSync(file, 'one\n');
  [state, more] = ['exited', { comesBack: true }];
  let isOver = false;
  const following = logOf('w')
    .follow()
    .finally(() => (isOver = true));
  await eventually(() => expect(text()).toBe('one\n'));
  // It is asked again, so the end of the first process was not the end.
  await eventually(() => expect(asked).toBeGreaterThan(2));
  expect(isOver).toBe(false);
  [state, more] = ['running', {}];
  appendFileSync(file, 'two\n');
  await eventually(() => expect(text()).toBe('one\ntwo\n'));
  more = { name: 'removed' };
  await following;
});

test('one that goes on printing is printed as far as it was', async () => {
  writeFileSync(file, 'one\n');
  const log = new WorkerLog({ name: 'w', node: 'edge-1', address: `http://127.0.0.1:${port}` }, (bytes) => {
    printed.push(bytes);
    appendFileSync(file, 'and another one\n');
  });
  expect(await log.printAll()).toBe(false);
  expect(text()).toBe('one\n');
});

test('no such worker', async () => {
  await expect(logOf('other').follow()).rejects.toThrow('node edge-1 has no log of other');
});
