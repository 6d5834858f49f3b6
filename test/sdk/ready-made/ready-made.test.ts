import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeModel, mlp } from '../../../sdk/estimators/onnx/index.ts';
import { InferenceClient, readWorkerConfig, sednaBigModel } from '../../../sdk/index.ts';
import type { Parameters, Tensors } from '../../../sdk/index.ts';
import { TestLocalController } from '../support/local-controller.ts';
import { freePort } from '../../../workers/lib/ports.ts';
import { data, directly, end, ReadyMadeWorkers, rows } from '../support/ready-made.ts';
import { eventually } from '../../support/eventually.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'ready-made-'));
const [little, big] = [1, 2].map((seed) => {
  const file = join(folder, `model-${seed}.onnx`);
  writeFileSync(file, encodeModel(mlp({ inputs: 2, hidden: [4], outputs: 3, seed })));
  return file;
}) as [string, string];
let controller: TestLocalController;
let bigPort: number;
let edgePort: number;
const workers = new ReadyMadeWorkers();

beforeEach(async () => {
  controller = await new TestLocalController().listen();
  [bigPort, edgePort] = [await freePort(), await freePort()];
});
afterEach(async () => {
  await workers.endAll();
  await controller.close();
});

const startBig = () =>
  workers.start('big-model', { LC_SERVER: controller.url, MODEL_URL: big, SEDNA_SERVE_PORT: String(bigPort) });
const startEdge = (environment: Record<string, string> = {}) =>
  workers.start('joint-inference', {
    LC_SERVER: controller.url,
    MODEL_URL: little,
    SEDNA_SERVE_PORT: String(edgePort),
    SEDNA_WORKER_STATE: mkdtempSync(join(folder, 'state-')),
    BIG_MODEL_IP: '127.0.0.1',
    BIG_MODEL_PORT: String(bigPort),
    HEM_NAME: 'CloudOnly',
    ...environment,
  });

/** Where the time to the cloud is no matter of the test. */
const patient = { deadline_ms: 20_000 };
const ask = (feeds: Tensors, parameters: Parameters = {}, id?: string) =>
  new InferenceClient(`http://127.0.0.1:${edgePort}`).infer({ model: 'digits', feeds, parameters, id });

test('hard examples have the big model’s answer, bit by bit; the parameters say who answered and why', async () => {
  await startBig();
  await startEdge({ HEM_NAME: 'CrossEntropy', HEM_PARAMETERS: '[{"key":"threshold_cross_entropy","value":"0.3"}]' });
  const sure = rows(40, -40);
  const unsure = rows(0, 0);
  const answers = [await ask(sure, patient), await ask(unsure, patient, 'mine')];
  expect(answers.map(({ outputs }) => data(outputs))).toEqual([
    await directly(little, sure),
    await directly(big, unsure),
  ]);
  expect(answers[0]?.parameters).toMatchObject({ hard: false, answered_by: 'edge', reason: 'NotHard' });
  expect(answers[1]?.parameters).toMatchObject({
    request_id: 'mine',
    hard: true,
    degraded: false,
    answered_by: 'cloud',
    reason: 'CloudAnswered',
    cloud_ms: expect.any(Number),
  });
  await eventually(() =>
    expect(controller.reports.at(-1)).toMatchObject({ ownerInfo: { inferenceNumber: 2, hardExampleNumber: 1 } }),
  );
});

test('several samples in one request are judged one by one', async () => {
  await startBig();
  await startEdge({ HEM_NAME: 'CrossEntropy', HEM_PARAMETERS: '[{"key":"threshold_cross_entropy","value":"0.3"}]' });
  const { outputs, parameters } = await ask(rows(40, -40, 0, 0, 1, 0), patient);
  const singly = [await ask(rows(40, -40), patient), await ask(rows(0, 0), patient), await ask(rows(1, 0), patient)];
  expect(data(outputs)).toEqual(singly.flatMap((one) => data(one.outputs)));
  expect(parameters).toMatchObject({ hard: singly.filter((one) => one.parameters['hard']).length, degraded: 0 });
});

test('more samples than the little model may have waiting are answered as well', async () => {
  await startEdge({ HEM_NAME: 'EdgeOnly' });
  const { outputs } = await ask(rows(...Array.from({ length: 1_000 }, (_, i) => i / 1_000)));
  expect(Object.values(outputs)[0]?.shape).toEqual([500, 3]);
});

test('the cloud dies: nobody waits; it comes back: each request has its final answer, and a Dataset its example', async () => {
  const index = join(folder, 'hard.csv');
  const cloud = await startBig();
  const edge = await startEdge({
    SEDNA_DEFERRED: '{"enabled":true,"maxAge":"1h","quota":"8Mi"}',
    SEDNA_HARD_EXAMPLES: JSON.stringify({ dataset: 'hard', url: index, format: 'csv' }),
  });
  await end(cloud, 'SIGKILL');
  const feeds = rows(0.5, -2);
  const { outputs, parameters } = await ask(feeds, { deadline_ms: 500 }, 'later');
  expect(data(outputs)).toEqual(await directly(little, feeds));
  expect(parameters).toMatchObject({ degraded: true, reason: 'CloudFailed', deferred: 'pending', request_id: 'later' });
  const url = `http://127.0.0.1:${edgePort}/v2/requests`;
  const events = await fetch(url, { headers: { 'last-event-id': '0' } });
  const reader = (events.body as ReadableStream<Uint8Array>).getReader();
  await startBig();
  let heard = '';
  while (!heard.includes('event: final')) heard += new TextDecoder().decode((await reader.read()).value);
  const answer = await directly(big, feeds);
  const final = { id: 'later', state: 'final', sequence: 1, outputs: [{ name: 'output', data: answer }] };
  expect(JSON.parse(/^data: (.*)$/m.exec(heard)?.[1] ?? '')).toMatchObject(final);
  expect(heard).toMatch(/^id: 1$/m);
  expect(await (await fetch(`${url}/later`)).json()).toMatchObject(final);
  expect((await fetch(`${url}/never`)).status).toBe(404);
  expect((await fetch(url, { method: 'POST' })).status).toBe(405);
  await until(() => readFileSync(index, 'utf8').split('\n').length === 3);
  const label = answer.indexOf(Math.max(...answer));
  expect(readFileSync(index, 'utf8')).toBe(`x0,x1,label,labelledBy\n0.5,-2,${label},big-model\n`);
  const began = performance.now();
  await end(edge, 'SIGTERM');
  // Nobody waits for whoever listens to ends.
  expect([edge.exitCode, performance.now() - began < 7_000]).toEqual([0, true]);
  while (!(await reader.read()).done);
});

test('deferred answers are switched off: what was promised comes all the same, and nothing is promised any more', async () => {
  const state = { SEDNA_WORKER_STATE: mkdtempSync(join(folder, 'state-')) };
  const edge = await startEdge({ ...state, SEDNA_DEFERRED: '{"enabled":true}' });
  expect((await ask(rows(1, 2), {}, 'promised')).parameters).toMatchObject({ degraded: true, deferred: 'pending' });
  await end(edge, 'SIGTERM');
  await startEdge(state);
  const { parameters } = await ask(rows(3, 4), {}, 'second');
  expect(parameters).toMatchObject({ degraded: true });
  expect(parameters).not.toHaveProperty('deferred');
  await startBig();
  const stateOf = async (id: string): Promise<unknown> =>
    (await fetch(`http://127.0.0.1:${edgePort}/v2/requests/${id}`)).json();
  await until(async () => ((await stateOf('promised')) as { state: string }).state === 'final');
  expect(await stateOf('second')).toEqual({ error: expect.stringContaining('no deferred request "second"') });
});

test('what another node brings to a worker without deferred answers is for the one that is started next', async () => {
  const SEDNA_WORKER_STATE = mkdtempSync(join(folder, 'state-'));
  const edge = await startEdge({ SEDNA_WORKER_STATE, HEM_NAME: 'EdgeOnly' });
  mkdirSync(join(SEDNA_WORKER_STATE, 'deferred', 'inherited', 'one'), { recursive: true });
  expect(await once(edge, 'exit')).toEqual([0, null]);
});

test('a model that crashes again and again ends its worker, which says why', async () => {
  const edge = await startEdge({ HEM_NAME: 'EdgeOnly' });
  const ended = once(edge, 'exit');
  const sessions = () =>
    spawnSync('pgrep', ['-P', String(edge.pid)], { encoding: 'utf8' })
      .stdout.split('\n')
      .map(Number);
  const killed = new Set<number>();
  for (let crash = 0; crash < 3; crash++) {
    await until(() => sessions().some((pid) => pid > 0 && !killed.has(pid)));
    const pid = sessions().find((one) => one > 0 && !killed.has(one)) ?? 0;
    killed.add(pid);
    process.kill(pid, 'SIGKILL');
  }
  expect(await ended).toEqual([1, null]);
  expect(workers.said(edge)).toMatch(/model "digits" crashed 3 times, last: .*SIGKILL; this worker ends/);
});

test('what a request asks for wrongly is said by name', async () => {
  await startEdge({ HEM_NAME: 'EdgeOnly' });
  await expect(ask(rows(1, 2), { deadline_ms: 'soon' })).rejects.toThrow(
    /400 parameter "deadline_ms": must be a number/,
  );
  await expect(ask(rows(1, 2), { callback: 5 })).rejects.toThrow(/400 parameter "callback": must be a URL/);
  await refusesChanges(edgePort);
});

/** Nobody who may send requests takes a worker out of service, or has it start processes. */
async function refusesChanges(port: number): Promise<void> {
  const url = `http://127.0.0.1:${port}/v2`;
  for (const verb of ['load', 'unload']) {
    const answer = await fetch(`${url}/repository/models/digits/${verb}`, { method: 'POST' });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: `model "digits" cannot be ${verb}ed: that is not offered here` },
    ]);
  }
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
}

test('workers of the original’s library ask the big model in their own way', async () => {
  await startBig();
  const original = sednaBigModel({
    host: '127.0.0.1',
    port: bigPort,
    service: readWorkerConfig({ SERVICE_NAME: 'digits' }).ownerName,
  });
  const [answer] = (await original.infer([[0.5, -2]], { signal: AbortSignal.timeout(5_000) })) as [number[]];
  const expected = await directly(big, rows(0.5, -2));
  expect(answer.map(Math.fround)).toEqual(expected);
  await refusesChanges(bigPort);
});

test('a big model behind the original’s library: it knows `/sedna/predict` alone, and lists', async () => {
  const asked: unknown[] = [];
  let result: unknown = [0.25, 0.5, 4];
  const original = createServer((request, response) => {
    const found = request.method === 'POST' && request.url === '/sedna/predict';
    void json(request)
      .catch(() => undefined)
      .then((body) => {
        if (found) asked.push(body);
        response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
        response.end(JSON.stringify(found ? { result } : { detail: 'Not Found' }));
      });
  }).listen(bigPort, '127.0.0.1');
  try {
    await startEdge();
    const { outputs, parameters } = await ask(rows(0.5, -2, 1, 3));
    expect(asked).toEqual(
      expect.arrayContaining(
        [
          [0.5, -2],
          [1, 3],
        ].map((sample) => expect.objectContaining({ data: sample }) as unknown),
      ),
    );
    expect(outputs).toEqual({
      output: { datatype: 'float32', shape: [2, 3], data: Float32Array.of(0.25, 0.5, 4, 0.25, 0.5, 4) },
    });
    expect(parameters).toMatchObject({ hard: 2, degraded: 0 });
    result = [['a']];
    expect((await ask(rows(0.5, -2))).parameters).toMatchObject({
      answered_by: 'edge',
      reason: 'CloudFailed',
      message: expect.stringContaining('is not like the little one’s: output "output"') as unknown,
    });
  } finally {
    original.close();
    original.closeAllConnections();
  }
});
