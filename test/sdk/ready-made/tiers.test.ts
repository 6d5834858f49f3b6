/** Edge, tier and cloud as processes of their own: who answers what, and what is left when one of them is gone. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { encodeModel, mlp } from '../../../sdk/estimators/onnx/index.ts';
import { InferenceClient, sednaBigModel } from '../../../sdk/index.ts';
import type { Parameters, Tensors } from '../../../sdk/index.ts';
import { TestLocalController } from '../support/local-controller.ts';
import { freePort } from '../../../workers/lib/ports.ts';
import { data, directly, end, ReadyMadeWorkers, rows } from '../support/ready-made.ts';
import { until } from '../support/until.ts';

const folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'tiers-'));
const models = Object.fromEntries(
  ['edge', 'site', 'cloud'].map((name, i) => {
    const file = join(folder, `${name}.onnx`);
    writeFileSync(file, encodeModel(mlp({ inputs: 2, hidden: [4], outputs: 3, seed: i + 1 })));
    return [name, file];
  }),
) as Record<'edge' | 'site' | 'cloud', string>;
const thresholds = { edge: 0.3, site: 0.15 };
const filterOf = (name: 'edge' | 'site') => ({
  HEM_NAME: 'CrossEntropy',
  HEM_PARAMETERS: JSON.stringify([{ key: 'threshold_cross_entropy', value: String(thresholds[name]) }]),
});

let controller: TestLocalController;
let ports: Record<'edge' | 'site' | 'cloud', number>;
let hanging: Server | undefined;
const workers = new ReadyMadeWorkers();
beforeEach(async () => {
  controller = await new TestLocalController().listen();
  ports = { edge: await freePort(), site: await freePort(), cloud: await freePort() };
});
afterEach(async () => {
  await workers.endAll();
  hanging?.closeAllConnections();
  hanging?.close();
  hanging = undefined;
  await controller.close();
});

const startCloud = () =>
  workers.start('big-model', {
    LC_SERVER: controller.url,
    MODEL_URL: models.cloud,
    SEDNA_SERVE_PORT: String(ports.cloud),
  });

function startAsking(
  name: 'edge' | 'site',
  above: 'site' | 'cloud',
  environment: Record<string, string> = {},
): Promise<ChildProcess> {
  return workers.start('joint-inference', {
    LC_SERVER: controller.url,
    WORKER_NAME: name,
    MODEL_URL: models[name],
    SEDNA_SERVE_PORT: String(ports[name]),
    SEDNA_WORKER_STATE: mkdtempSync(join(folder, 'state-')),
    BIG_MODEL_IP: '127.0.0.1',
    BIG_MODEL_PORT: String(ports[above]),
    ...filterOf(name),
    ...environment,
  });
}
const startSite = () => startAsking('site', 'cloud', { SEDNA_TIER: 'site', SEDNA_PATIENCE_MS: '20000' });
const startEdge = (environment: Record<string, string> = {}) =>
  startAsking('edge', 'site', { SEDNA_PATIENCE_MS: '20000', ...environment });

/** With more time than a busy machine needs. */
const ask = (feeds: Tensors, parameters: Parameters = { deadline_ms: 20_000 }, id?: string) =>
  new InferenceClient(`http://127.0.0.1:${ports.edge}`).infer({ model: 'digits', feeds, parameters, id });

/** As CrossEntropy sees it. */
const certainty = (scores: readonly number[]): number =>
  1 + scores.reduce((sum, p) => sum + p * Math.log(p), 0) / Math.log(scores.length);

const grid = Array.from({ length: 81 * 81 }, (_, i): [number, number] => [(i % 81) - 40, Math.floor(i / 81) - 40]);
const [byEdge, bySite] = (await Promise.all(
  [models.edge, models.site].map((file) => directly(file, rows(...grid.flat()))),
)) as [number[], number[]];
const isHard = (scores: readonly number[], i: number, threshold: number): boolean =>
  certainty(scores.slice(3 * i, 3 * i + 3)) < threshold;

/** One that is hard for these models as the filters have it, and for no other. */
function sample(hardFor: { edge: boolean; site: boolean }): Tensors {
  const i = grid.findIndex(
    (_, at) =>
      isHard(byEdge, at, thresholds.edge) === hardFor.edge && isHard(bySite, at, thresholds.site) === hardFor.site,
  );
  const found = grid[i];
  if (found === undefined) throw new Error(`no sample is ${JSON.stringify(hardFor)}`);
  return rows(...found);
}
const easy = sample({ edge: false, site: false });
const medium = sample({ edge: true, site: false });
const hard = sample({ edge: true, site: true });

test('what is easy the edge answers, what is easy for the tier the tier, and the rest the cloud; each counts what it was asked', async () => {
  await startCloud();
  await startSite();
  await startEdge();
  const answers = [await ask(easy), await ask(medium), await ask(hard)];
  expect(answers.map(({ outputs }) => data(outputs))).toEqual([
    await directly(models.edge, easy),
    await directly(models.site, medium),
    await directly(models.cloud, hard),
  ]);
  expect(answers.map(({ parameters }) => parameters)).toEqual([
    expect.objectContaining({ answered_by: 'edge', hard: false, degraded: false, reason: 'NotHard' }),
    expect.objectContaining({ answered_by: 'site', hard: true, degraded: false, reason: 'TierAnswered' }),
    expect.objectContaining({ answered_by: 'cloud', hard: true, degraded: false, reason: 'CloudAnswered' }),
  ]);
  const counted = (name: string) => controller.reports.filter((report) => report['name'] === name).at(-1);
  const hasCounted = (name: string, n: number) => JSON.stringify(counted(name))?.includes(`"inferenceNumber":${n}`);
  await until(() => hasCounted('edge', 3) && hasCounted('site', 2));
  expect(counted('edge')).toMatchObject({ ownerInfo: { inferenceNumber: 3, hardExampleNumber: 2 } });
  expect(counted('site')).toMatchObject({ ownerInfo: { inferenceNumber: 2, hardExampleNumber: 1 } });
});

test('workers of the original’s library may ask a tier as well; ours are told who answered', async () => {
  await startCloud();
  await startSite();
  const tier = sednaBigModel({ host: '127.0.0.1', port: ports.site, service: 'digits' });
  const list = [data(hard)];
  const said = await tier.infer(list, { signal: AbortSignal.timeout(5_000), withinMs: 4_000 });
  expect(said).toMatchObject({ origin: { answeredBy: 'cloud', degraded: false } });
  const plain = await fetch(`http://127.0.0.1:${ports.site}/digits/predict`, {
    method: 'POST',
    body: JSON.stringify({ data: list, post_process: null }),
  });
  const { result } = (await plain.json()) as { result: number[][] };
  expect(result[0]?.map(Math.fround)).toEqual(await directly(models.cloud, hard));
});

test('the cloud dies: the tier’s answer is given, marked degraded, and deferred until there is a final one', async () => {
  const index = join(folder, 'hard.csv');
  const cloud = await startCloud();
  await startSite();
  await startEdge({
    SEDNA_DEFERRED: '{"enabled":true,"maxAge":"1h","quota":"8Mi"}',
    SEDNA_HARD_EXAMPLES: JSON.stringify({ dataset: 'hard', url: index, format: 'csv' }),
  });
  await end(cloud, 'SIGKILL');
  const { outputs, parameters } = await ask(hard, { deadline_ms: 20_000 }, 'later');
  expect(data(outputs)).toEqual(await directly(models.site, hard));
  expect(parameters).toMatchObject({
    answered_by: 'site',
    degraded: true,
    reason: 'CloudFailed',
    deferred: 'pending',
    request_id: 'later',
  });
  // What is easy for the tier still has a final answer.
  expect((await ask(medium)).parameters).toMatchObject({
    answered_by: 'site',
    degraded: false,
    reason: 'TierAnswered',
  });

  const url = `http://127.0.0.1:${ports.edge}/v2/requests/later`;
  const askedOfTier = () =>
    JSON.stringify(controller.reports.filter((report) => report['name'] === 'site').at(-1) ?? {});
  // The edge has asked the tier again, which was no better off.
  await until(() => Number(/"hardExampleNumber":(\d+)/.exec(askedOfTier())?.[1]) >= 3);
  const waiting = (await (await fetch(url)).json()) as { state: string; provisional: { data: number[] }[] };
  expect(waiting.state).toBe('pending');
  expect(waiting.provisional[0]?.data.map(Math.fround)).toEqual(await directly(models.site, hard));

  await startCloud();
  const state = async () => ((await (await fetch(url)).json()) as { state: string }).state;
  await until(async () => (await state()) === 'final');
  const final = (await (await fetch(url)).json()) as { outputs: { data: number[] }[] };
  expect(final.outputs[0]?.data.map(Math.fround)).toEqual(await directly(models.cloud, hard));
  // Sure answers of the tier are labels, degraded ones are none.
  await until(() => readFileSync(index, 'utf8').trim().split('\n').length === 3);
});

test('the tier dies: the edge answers by itself', async () => {
  await startCloud();
  const site = await startSite();
  await startEdge();
  await end(site, 'SIGKILL');
  const { outputs, parameters } = await ask(hard);
  expect(data(outputs)).toEqual(await directly(models.edge, hard));
  expect(parameters).toMatchObject({ answered_by: 'edge', degraded: true, reason: 'CloudFailed' });
});

test('the deadline runs down the chain: a cloud that hangs costs the time that there was, and the tier’s answer is back in it', async () => {
  const deadlines: number[] = [];
  hanging = createServer((request) => {
    void buffer(request).then((body) => {
      const { parameters } = JSON.parse(
        body.subarray(0, Number(request.headers['inference-header-content-length'])).toString(),
      ) as {
        parameters: { deadline_ms: number };
      };
      deadlines.push(parameters.deadline_ms);
    });
  }).listen(ports.cloud, '127.0.0.1');
  await once(hanging, 'listening');
  await startSite();
  await startEdge();
  // Both have answered before.
  await ask(medium);
  const began = performance.now();
  let answer = await ask(hard, { deadline_ms: 3_000 });
  expect(performance.now() - began).toBeLessThan(30_000);
  // On a machine that is busy an answer may need longer for its way than ever before: the next one has more time for it.
  for (let i = 0; i < 4 && answer.parameters['answered_by'] === 'edge'; i++)
    answer = await ask(hard, { deadline_ms: 3_000 });
  expect(answer.parameters).toMatchObject({ answered_by: 'site', degraded: true, reason: 'CloudTooLate' });
  expect(data(answer.outputs)).toEqual(await directly(models.site, hard));
  // Less than the caller gave, at each hop.
  expect(deadlines[0]).toBeLessThanOrEqual(2_900);
  expect(deadlines[0]).toBeGreaterThan(100);
});
