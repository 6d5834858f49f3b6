/** `npm run demo` as a user runs it, in an empty folder: a child process with a stack of its own. */
import { afterAll, describe, expect, it } from '@jest/globals';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readStackState } from '../../deploy/local/state.ts';
import { allDigits } from '../../examples/incremental-learning/mnist/digits.ts';
import { isAlive } from '../../workers/lib/process.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { describeKubernetes, describeTemporal } from '../support/stack.ts';
import { processesOf, startDemo } from './support/demo.ts';

/** Ids of the components that run. */
const running = (cwd: string): number[] =>
  (readStackState(cwd)?.components ?? []).filter(isAlive).map(({ pid }) => pid);

const better = (round: number) => ({ round, samples: 960, deployed: true });

function expectTwoBetterRounds(summary: Record<string, unknown>): void {
  expect(summary).toMatchObject({ ok: true, rounds: [better(1), better(2)], droppedRequests: 0 });
  for (const round of summary.rounds as { accuracyBefore: number; accuracyAfter: number }[]) {
    expect(round.accuracyAfter).toBeGreaterThan(round.accuracyBefore);
  }
  const served = summary.served as { version: string; requests: number }[];
  expect(new Set(served.map(({ version }) => version)).size).toBe(3);
  expect(Math.min(...served.map(({ requests }) => requests))).toBeGreaterThanOrEqual(100);
  expect(served.reduce((sum, { requests }) => sum + requests, 0)).toBe(summary.requests);
  expect(summary.temporalUi).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
}

/** Sedna's way and the Open Inference Protocol ask the same model. */
async function expectSameAnswers(url: string): Promise<void> {
  const image = Array.from(allDigits().at(-1)?.image ?? [], (value) => value / 255);
  const ask = async (path: string, body: unknown): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' };
    return (await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
  };
  const inputs = [{ name: 'input', datatype: 'FP32', shape: [1, image.length], data: image }];
  const { outputs } = (await ask('/v2/models/digits/infer', { inputs })) as { outputs: { data: number[] }[] };
  const probabilities = outputs[0]?.data ?? [];
  expect(probabilities.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 4);
  const digit = probabilities.indexOf(Math.max(...probabilities));
  expect(await ask('/predict', { image })).toEqual({ digit, probabilities, isHard: expect.any(Boolean) });
}

describeKubernetes('the demo with Kubernetes', () => {
  const cwd = temporaryFolder('demo');
  afterAll(() => runCli(['down', '--purge'], cwd), 60_000);

  it('deploys two better models under load and leaves nothing running', async () => {
    const { code, lines, told } = await startDemo(cwd, ['-o', 'json']).result;
    expect({ code, told }).toEqual({ code: 0, told: expect.stringContaining('$ kubectl get il,dataset,model') });
    expect(lines).toHaveLength(1);
    const summary = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(summary.mode).toBe('kubernetes');
    expectTwoBetterRounds(summary);
    expect(told).toMatch(/incrementallearningjob\.sedna\.io\/digits +Waiting +Train +2 +True/);
    expect(told).toMatch(/model\.sedna\.io\/digits-deployed +Live/);
    expect(processesOf(cwd)).toEqual([]);
  }, 240_000);
});

describeTemporal('the demo without Kubernetes', () => {
  const cwd = temporaryFolder('demo-standalone');
  afterAll(() => runCli(['down', '--purge'], cwd), 60_000);

  it('does the same, and keeps everything when asked to', async () => {
    const { code, lines, told } = await startDemo(cwd, ['--standalone', '--keep', '-o', 'json']).result;
    expect({ code, told }).toEqual({ code: 0, told: expect.stringContaining('Things to try') });
    const summary = JSON.parse(lines.at(-1) ?? '') as Record<string, unknown>;
    expect(summary.mode).toBe('standalone');
    expectTwoBetterRounds(summary);
    expect(running(cwd)).toHaveLength(5);
    // With the supervisor and the inference worker: the search that finds nothing elsewhere finds them here.
    expect(processesOf(cwd).length).toBeGreaterThanOrEqual(7);
    const kept = await runCli(['get', 'il', 'digits', '-o', 'json'], cwd);
    const { status } = JSON.parse(kept.stdout) as { status: { endpoints: { url: string }[] } };
    expect(status).toMatchObject({ lastRound: { round: 2, deployed: true } });
    await expectSameAnswers(status.endpoints[0]?.url ?? '');
  }, 240_000);

  it('on a stack that runs: replaces an earlier one, removes its objects on Ctrl-C and leaves the stack', async () => {
    const before = running(cwd);
    const demo = startDemo(cwd, ['-o', 'json']);
    await eventually(() => expect(demo.told()).toContain('\nRound 1'), 90_000);
    expect(demo.told()).toContain('an earlier demo left its objects behind');
    demo.child.kill('SIGINT');
    const { code, lines } = await demo.result;
    expect(code).toBe(130);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ ok: false, error: 'interrupted' });
    expect(running(cwd)).toEqual(before);
    expect(await runCli(['get', 'il,dataset,model'], cwd)).toMatchObject({
      stdout: '',
      stderr: 'No resources found.\n',
    });
    expect(processesOf(join(cwd, '.sedna', 'demo'))).toEqual([]);
  }, 180_000);

  it('touches no objects of other people', async () => {
    const manifest = 'apiVersion: sedna.io/v1alpha1\nkind: Model\nmetadata: { name: digits-initial }\n';
    const mine = join(temporaryFolder('mine'), 'model.yaml');
    writeFileSync(mine, `${manifest}spec: { url: /mine.onnx, format: onnx }\n`);
    expect((await runCli(['apply', '-f', mine], cwd)).code).toBe(0);
    const { code, lines } = await startDemo(cwd, ['-o', 'json']).result;
    expect(code).toBe(1);
    const error = "model/digits-initial exists and is not the demo's own";
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ ok: false, error });
    expect((await runCli(['get', 'model', 'digits-initial'], cwd)).code).toBe(0);
  }, 120_000);

  it('leaves nothing running once the stack is stopped', async () => {
    expect((await runCli(['down'], cwd)).code).toBe(0);
    expect(processesOf(cwd)).toEqual([]);
  }, 60_000);
});

describe('a demo that cannot run', () => {
  it('says honestly that it failed, and why', async () => {
    const cwd = temporaryFolder('demo-fails');
    const { code, lines } = await startDemo(cwd, ['--standalone', '-o', 'json'], { TEMPORAL_CLI_PATH: '/none' }).result;
    expect(code).toBe(1);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
      ok: false,
      error: expect.stringContaining('TEMPORAL_CLI_PATH: /none is not an executable'),
      awaited: expect.stringContaining('npx sedna up'),
    });
    expect(processesOf(cwd)).toEqual([]);
  }, 60_000);

  it('says which demos are there', async () => {
    const cwd = temporaryFolder('demo-usage');
    const { code, lines, told } = await startDemo(cwd, ['lifelong', '-o', 'json']).result;
    expect({ code, lines }).toEqual({ code: 2, lines: [] });
    expect(told).toContain('the lifelong demo comes in a later release');
    expect(readdirSync(cwd)).toEqual([]);
  });
});
