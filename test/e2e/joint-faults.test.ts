/**
 * Thousands of requests over edge, tier and cloud while links are cut, controllers and a worker killed and a model is replaced: all are answered in
 * time, deferred ones end once.
 */
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../deploy/local/files.ts';
import { allDigits, pixels } from '../../examples/incremental-learning/mnist/digits.ts';
import { listen } from '../../examples/joint-inference/mnist/ends.ts';
import { classOf, JointLoad } from '../../examples/joint-inference/mnist/load.ts';
import { littleEstimator } from '../../examples/joint-inference/mnist/models.ts';
import { prepare, samplesOf, testSet } from '../../examples/joint-inference/mnist/prepare.ts';
import { prepare as prepareRouter } from '../../examples/joint-inference/router/prepare.ts';
import { InferenceClient } from '../../sdk/index.ts';
import { inferenceService } from '../../sdk/serving/grpc/definitions.ts';
import { signal } from '../../workers/lib/process.ts';
import { eventually } from '../support/eventually.ts';
import { LocalStack } from '../support/local-stack.ts';
import { describeTemporal } from '../support/stack.ts';

/** `JOINT_REQUESTS=5000` is the full measure. */
const requests = Number(process.env['JOINT_REQUESTS'] ?? 1_800);
const requestsPerSecond = 60;
const quotaBytes = 8 * 1024 * 1024;

const example = join(packageRoot(), 'examples', 'joint-inference', 'mnist');
const router = join(packageRoot(), 'examples', 'joint-inference', 'router');

interface LearningJob {
  lastRound?: { round: number; deployed: boolean };
}

interface ServiceStatus {
  endpoints: { name: string; url: string }[];
  replicas: string;
  observedGeneration?: number;
}

describeTemporal('a joint inference service in trouble', () => {
  const stack = new LocalStack('joint-faults');
  const manifest = join(stack.cwd, 'service.yaml');
  const withTier = readFileSync(join(example, 'tiers.yaml'), 'utf8').replaceAll('/tmp/sedna-joint', stack.cwd);
  const [tier = ''] = /^  tiers:\n(?: {4}.*\n)+/m.exec(withTier) ?? [];
  const middle = withTier.split('---\n').find((part) => part.includes('metadata: { name: digits-middle }'));
  let cuts = 0;

  beforeAll(async () => {
    await prepare(stack.cwd);
    const other = littleEstimator();
    await other.train(samplesOf(allDigits().slice(-500)));
    await other.save(join(stack.cwd, 'models', 'other.onnx'));
    await other.close();
    await stack.up('--standalone', ...[example, router].flatMap((folder) => ['--images', join(folder, 'images.yaml')]));
    write('service.yaml');
    await stack.cli('apply', '-f', manifest);
    await stack.cli('wait', 'ji/digits', '--for=condition=Available', '--timeout', '60s');
  }, 180_000);

  afterAll(() => stack.down(), 60_000);

  /** A manifest of the example with this stack's folder in it; its service has the tier of the other one. */
  function write(name: string, change = (text: string): string => text): void {
    const text = readFileSync(join(example, name), 'utf8').replaceAll('/tmp/sedna-joint', stack.cwd);
    const tiered = text.replace('  cloudWorker:', `${tier}  cloudWorker:`);
    writeFileSync(manifest, [middle, change(tiered).replace('quota: 64Mi', 'quota: 8Mi')].join('---\n'));
  }

  const status = (name = 'digits'): Promise<ServiceStatus> => stack.statusOf('ji', name);

  const edge = async (name?: string, worker = 'edge'): Promise<string> =>
    (await status(name)).endpoints.find((endpoint) => endpoint.name === worker)?.url ?? 'no endpoint';

  /** Of the model that the edge answers with. */
  async function version(): Promise<string | undefined> {
    const feeds = { input: { datatype: 'float32' as const, shape: [1, pixels], data: new Float32Array(pixels) } };
    return (await new InferenceClient(await edge()).infer({ model: 'digits', feeds })).version;
  }

  async function readyOverGrpc(): Promise<unknown> {
    const client = new Client(new URL(await edge('digits', 'edge-grpc')).host, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = inferenceService.ModelReady;
    return new Promise<unknown>((resolve, reject) => {
      const done = (error: Error | null, answer?: object): void => (error ? reject(error) : resolve(answer));
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { name: 'digits' }, done);
    }).finally(() => client.close());
  }

  /** What is sent to the set of this node is taken, and nothing comes back. */
  async function cutLinkTo(node: string, seconds: number): Promise<void> {
    const [front] = stack.workers(node, 'front/main');
    if (front === undefined) throw new Error(`${node} has no front`);
    signal(front, 'SIGSTOP');
    try {
      await delay(seconds * 1_000);
    } finally {
      signal(front, 'SIGCONT');
      cuts += 1;
    }
  }

  async function killWorker(node: string): Promise<void> {
    const running = () => stack.workers(node, 'ready-made/');
    const [worker] = running();
    if (worker === undefined) throw new Error(`${node} has no worker`);
    signal(worker, 'SIGKILL');
    await eventually(() => {
      expect(running()).toHaveLength(1);
      expect(running()[0]?.pid).not.toBe(worker.pid);
    });
  }

  it('answers all of them, and each deferred one once', async () => {
    const url = await edge();
    const load = new JointLoad({ url, model: 'digits', requestsPerSecond, digits: testSet() });
    const ends = new Map<string, Set<unknown>>();
    const over = new AbortController();
    const listening = listen(
      url,
      (end) => {
        ends.set(end.id, (ends.get(end.id) ?? new Set()).add(end.sequence));
        load.ended(end.id, end.state, end.outputs?.[0] && classOf(end.outputs[0].data));
      },
      over.signal,
    );
    const reached = (share: number): Promise<void> =>
      eventually(() => expect(load.sent).toBeGreaterThanOrEqual(share * requests), 120_000);
    load.start();
    try {
      await reached(0.1);
      await cutLinkTo('edge-2', 3);
      await reached(0.25);
      await stack.restarted('lc/edge-1', stack.kill('lc/edge-1'));
      await killWorker('edge-2');
      await reached(0.4);
      await cutLinkTo('cloud-1', 3);
      // The edge has another model from now on, as unsure as the first one.
      write('service.yaml', (text) => text.replace('models/little.onnx', 'models/other.onnx'));
      await stack.cli('apply', '-f', manifest);
      await reached(0.6);
      const killed = ['lc/cloud-1', 'lc/edge-2'].map((name) => stack.restarted(name, stack.kill(name)));
      await Promise.all(killed);
      await cutLinkTo('cloud-1', 3);
      await reached(1);
    } finally {
      await load.stop();
    }
    await eventually(
      () => expect(load.outcomes().filter(({ deferred }) => deferred === 'pending')).toEqual([]),
      60_000,
    );
    over.abort();
    await listening;
    const outcomes = load.outcomes();
    const { failed, firstProblem } = load;
    expect({ cuts, failed, firstProblem, answers: outcomes.length }).toEqual({
      ...{ cuts: 3, failed: 0, firstProblem: undefined },
      answers: load.sent,
    });
    const deferred = outcomes.filter((outcome) => outcome.deferred !== undefined);
    expect(deferred.length).toBeGreaterThan(0);
    expect(deferred.filter((outcome) => outcome.deferred === 'refused')).toEqual([]);
    expect(ends.size).toBe(deferred.length);
    // An end that is told again has the number that it had.
    expect([...ends.values()].filter((numbers) => numbers.size !== 1)).toEqual([]);
    const given = new Set(outcomes.map(({ answeredBy, degraded }) => `${String(answeredBy)} ${degraded}`));
    expect([...given].sort()).toEqual(['cloud false', 'edge false', 'edge true', 'site false', 'site true']);
    // An example for each answer that came at once, and one for all equal inputs that waited together.
    const atOnce = outcomes.filter(({ answeredBy, degraded }) => answeredBy !== 'edge' && !degraded).length;
    await eventually(() => {
      const examples = readFileSync(join(stack.cwd, 'data', 'hard.jsonl'), 'utf8')
        .trim()
        .split('\n').length;
      expect(examples).toBeGreaterThan(atOnce);
      expect(examples).toBeLessThanOrEqual(atOnce + deferred.length);
    });
    const [spool] = globSync(join(stack.cwd, '.sedna', 'nodes', 'edge-1', '**', 'deferred.sqlite'));
    expect(statSync(spool ?? '').size).toBeLessThanOrEqual(quotaBytes);
    await eventually(async () => expect((await status()).replicas).toBe('3/3'));
  }, 300_000);

  it('learns from what it did not know: the edge serves a model that was trained on its hard examples', async () => {
    const before = await version();
    write('learning.yaml');
    await stack.cli('apply', '-f', manifest);
    await eventually(async () => {
      const { lastRound } = await stack.statusOf<LearningJob>('il', 'hard-digits');
      expect(lastRound).toMatchObject({ round: 1, deployed: true });
    }, 60_000);
    await eventually(async () => expect(await version()).not.toBe(before), 60_000);
    expect(await readyOverGrpc()).toMatchObject({ ready: true });
  }, 180_000);

  it('routes texts: what the small model knows stays at the edge', async () => {
    await prepareRouter(stack.cwd);
    const text = readFileSync(join(router, 'service.yaml'), 'utf8').replaceAll('/tmp/sedna-router', stack.cwd);
    writeFileSync(manifest, text);
    await stack.cli('apply', '-f', manifest);
    await stack.cli('wait', 'ji/sums', '--for=condition=Available', '--timeout', '60s');
    const client = new InferenceClient(await edge('sums'));
    const ask = async (question: string) => {
      const feeds = { question: { datatype: 'string' as const, shape: [1], data: [question] } };
      const { outputs, parameters } = await client.infer({ model: 'sums', feeds });
      return [outputs['answer']?.data[0], parameters['answered_by']];
    };
    expect([await ask('what is 3 plus 4'), await ask('what is 17 times 3')]).toEqual([
      ['7', 'edge'],
      ['51', 'cloud'],
    ]);
  }, 120_000);
});
