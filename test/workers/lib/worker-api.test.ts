import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { WorkerView } from '../../../activities/edge/runtime.ts';
import type { ReceivedProgress, ReceivedReport } from '../../../sdk/worker/protocol.ts';
import { healthServer } from '../../../workers/lib/health.ts';
import { logger } from '../../../workers/lib/log.ts';
import { serveWorkerApi, serveWorkerViews } from '../../../workers/lib/worker-api.ts';

const { server } = healthServer({ missing: () => [] });
const log = join(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'api-')), 'w.log');
let address: string;
let reports: ReceivedReport[] = [];
let progress: [string, ReceivedProgress][] = [];

beforeAll(async () => {
  logger.level = 'silent';
  serveWorkerApi(server, {
    report: (report) => reports.push(report) > 0 && report.name !== 'stranger',
    progress: (name, value) => progress.push([name, value]) > 0,
    list: () => [],
  });
  serveWorkerViews(server, { list: () => [{ name: 'w', log } as WorkerView] });
  address = await server.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(() => server.close());
beforeEach(() => {
  reports = [];
  progress = [];
});

async function post(path: string, body: string, type = 'application/json'): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${address}${path}`, { method: 'POST', body, headers: { 'content-type': type } });
  return { status: answer.status, body: await answer.json() };
}
const report = (name: string, change: Record<string, unknown> = {}) =>
  JSON.stringify({
    name,
    namespace: 'd',
    ownerName: 'j',
    ownerKind: 'incrementallearningjob',
    kind: 'train',
    status: 'completed',
    ...change,
  });
const ok = { status: 200, body: { Status: 200, Message: 'OK' } };

describe('POST …/info', () => {
  test('a report is taken and answered exactly', async () => {
    const results = [{ format: 'onnx', url: '/m', metrics: { acc: [0.5] } }];
    expect(await post('/sedna/workers/w/info', report('w', { results, unknown: 1 }))).toEqual(ok);
    expect(reports).toMatchObject([{ name: 'w', kind: 'train', status: 'completed', results }]);
  });

  test('lenient where stock images are: nulls, capitals, single numbers, numeric strings', async () => {
    const lenient = {
      kind: 'Train',
      status: 'COMPLETED',
      ownerKind: null,
      results: [{ format: null, url: '/m', metrics: { a: 1, b: '2', c: null, d: ['x', 3] } }],
    };
    expect(await post('/sedna/workers/w/info', report('w', lenient))).toEqual(ok);
    expect(reports).toMatchObject([
      { kind: 'train', status: 'completed', results: [{ format: '', metrics: { a: [1], b: [2], d: [3] } }] },
    ]);
  });

  test('a worker that is not known here gets its 200', async () => {
    expect(await post('/sedna/workers/stranger/info', report('stranger'))).toEqual(ok);
  });

  test.each([
    ['another name', report('other'), 'name in the body ("other") is not the one of the path ("w")'],
    ['no name', '{}', 'name in the body (nothing) is not the one of the path ("w")'],
    ['an array', '[]', 'name in the body (nothing)'],
    ['null', 'null', 'name in the body (nothing)'],
    ['results that are none', report('w', { results: 'x' }), 'results: '],
  ])('%s: 400', async (_name, body, message) => {
    const answer = await post('/sedna/workers/w/info', body);
    expect(answer).toEqual({
      status: 400,
      body: { Status: 400, Message: expect.stringContaining(message) as unknown },
    });
    expect(reports).toEqual([]);
  });

  test.each([
    ['broken JSON', '{"name": "w"', 'application/json', 400],
    ['no JSON at all', 'name=w', 'text/plain;charset=x', 415],
    ['too large', report('w', { message: 'x'.repeat(1 << 21) }), 'application/json', 413],
  ])('%s', async (_name, body, type, status) => {
    const answer = await post('/sedna/workers/w/info', body, type);
    expect(answer).toMatchObject({ status, body: { Status: status, Message: expect.any(String) as unknown } });
    expect(reports).toEqual([]);
  });
});

test('progress', async () => {
  expect(await post('/sedna/workers/w/progress', JSON.stringify({ step: 1, total: 10 }))).toEqual(ok);
  expect(progress).toMatchObject([['w', { step: 1, total: 10 }]]);
  expect((await post('/sedna/workers/w/progress', JSON.stringify({ step: -1, total: 10 }))).status).toBe(400);
});

test('what a worker printed, from an offset on', async () => {
  const read = async (query: string) => {
    const answer = await fetch(`${address}/sedna/workers/w/log${query}`);
    return { text: await answer.text(), next: answer.headers.get('x-next-offset') };
  };
  expect(await read('')).toEqual({ text: '', next: '0' });
  writeFileSync(log, 'one\ntwo\n');
  expect(await read('')).toEqual({ text: 'one\ntwo\n', next: '8' });
  expect(await read('?offset=4')).toEqual({ text: 'two\n', next: '8' });
  expect(await read('?offset=800')).toEqual({ text: 'one\ntwo\n', next: '8' });
  expect(await read('?offset=nonsense')).toEqual({ text: 'one\ntwo\n', next: '8' });
  expect((await fetch(`${address}/sedna/workers/absent/log`)).status).toBe(404);
});

test('a name cannot leave its place in the path', async () => {
  const { hostname, port } = new URL(address);
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const call = request({ hostname, port, path: '/sedna/workers/..%2f..%2fetc/log' }, (answer) => {
      void text(answer).then(() => resolve(answer.statusCode));
    });
    call.on('error', reject).end();
  });
  expect(status).toBe(404);
});
