/** The example with a tier, as a user runs it: who answers how many digits, and what is left while the cloud is away. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { pixels } from '../../examples/incremental-learning/mnist/digits.ts';
import { classOf } from '../../examples/joint-inference/mnist/load.ts';
import { imageOf, prepare, testSet } from '../../examples/joint-inference/mnist/prepare.ts';
import { InferenceClient, type InferenceAnswer } from '../../sdk/index.ts';
import { eventually } from '../support/eventually.ts';
import { LocalStack } from '../support/local-stack.ts';
import { describeTemporal } from '../support/stack.ts';

const asked = testSet().slice(0, 500);

interface Status {
  endpoints: { name: string; url: string }[];
  replicas: string;
  chain: string;
  tiers: { name: string; requests?: number; hard?: number }[];
}

describeTemporal('the example with a tier', () => {
  const stack = new LocalStack('joint-tiers');
  const manifest = join(stack.cwd, 'tiers.yaml');
  let edge = '';

  beforeAll(async () => {
    await prepare(stack.cwd);
    await stack.up('--standalone');
    await apply();
    await stack.cli('wait', 'ji/digits', '--for=condition=Available', '--timeout', '60s');
    edge = (await status()).endpoints.find(({ name }) => name === 'edge')?.url ?? '';
  }, 180_000);
  afterAll(() => stack.down(), 60_000);

  async function apply(change = (text: string): string => text): Promise<void> {
    const text = readFileSync(join(packageRoot(), 'examples', 'joint-inference', 'mnist', 'tiers.yaml'), 'utf8');
    writeFileSync(manifest, change(text.replaceAll('/tmp/sedna-joint', stack.cwd)));
    await stack.cli('apply', '-f', manifest);
  }

  const status = (): Promise<Status> => stack.statusOf('ji', 'digits');

  function ask(image: Uint8Array, id?: string): Promise<InferenceAnswer> {
    const input = { datatype: 'float32' as const, shape: [1, pixels], data: imageOf(image) };
    return new InferenceClient(edge).infer({
      model: 'digits',
      feeds: { input },
      parameters: { deadline_ms: 5_000 },
      id,
    });
  }

  it('most digits that are hard for the edge are answered by the tier; the status says how they went up', async () => {
    const by = new Map<unknown, number>();
    let right = 0;
    for (const { image, label } of asked) {
      const { outputs, parameters } = await ask(image);
      expect(parameters['degraded']).toBe(false);
      by.set(parameters['answered_by'], (by.get(parameters['answered_by']) ?? 0) + 1);
      if (classOf([...(Object.values(outputs)[0]?.data as Float32Array)]) === label) right += 1;
    }
    const [ofEdge = 0, ofSite = 0, ofCloud = 0] = ['edge', 'site', 'cloud'].map((name) => by.get(name));
    expect(ofEdge + ofSite + ofCloud).toBe(asked.length);
    // Of 1,000 digits it is 400, 476 and 124, of which 941 are right; the edge by itself is right about 807.
    expect([ofEdge, ofSite, ofCloud].every((count) => count > 25)).toBe(true);
    expect(ofSite).toBeGreaterThan(2 * ofCloud);
    expect(right / asked.length).toBeGreaterThan(0.9);
    await eventually(async () => {
      expect((await status()).tiers).toMatchObject([
        { name: 'edge', requests: asked.length, hard: ofSite + ofCloud },
        { name: 'site', requests: ofSite + ofCloud, hard: ofCloud },
        { name: 'cloud' },
      ]);
    }, 30_000);
    expect(await stack.cli('get', 'ji', '-o', 'wide')).toContain((await status()).chain);
    expect(await stack.cli('get', 'workers', '-o', 'name')).toMatch(/^worker\/digits-edge-\S+$/m);
    expect(await stack.cli('get', 'workers', '-n', 'default')).toMatch(
      /^digits-edge-\S+ +JointInferenceService\/default\/digits /m,
    );
    expect(await stack.cli('get', 'workers', '-n', 'elsewhere', '-o', 'name')).toBe('');
    expect(await stack.cli('explain', 'ji/digits')).toMatch(/Available +True .*tier-site at http/);
  }, 120_000);

  it('while nobody is in the cloud the tier’s answers are given, degraded; all of them are final in the end', async () => {
    await apply((text) =>
      text.replace('model: { name: digits-big }\n', 'model: { name: digits-big }\n    replicas: 0\n'),
    );
    await eventually(async () => expect((await status()).replicas).toBe('2/2'), 30_000);
    const pending: unknown[] = [];
    for (const [i, { image }] of asked.slice(0, 200).entries()) {
      const { parameters } = await ask(image, `r${i}`);
      expect(['edge', 'site']).toContain(parameters['answered_by']);
      if (parameters['degraded'] === true) {
        expect(parameters).toMatchObject({ answered_by: 'site', deferred: 'pending' });
        pending.push(parameters['request_id']);
      }
    }
    expect(pending.length).toBeGreaterThan(5);
    await apply();
    for (const id of pending) {
      await eventually(async () => {
        expect(await (await fetch(`${edge}/v2/requests/${String(id)}`)).json()).toMatchObject({ state: 'final' });
      }, 60_000);
    }
  }, 180_000);
});
