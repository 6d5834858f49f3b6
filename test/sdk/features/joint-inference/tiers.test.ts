/** What a worker makes of the answers of a tier, and what it says as one. */
import { describe, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { JointInference, readWorkerConfig, TierAnswer } from '../../../../sdk/index.ts';
import type { BigModel, JointInferenceOptions, Origin } from '../../../../sdk/index.ts';
import { withOrigin } from '../../../../sdk/features/joint-inference/origin.ts';
import { Way } from '../../../../sdk/features/joint-inference/way.ts';
import { until } from '../../support/until.ts';

const unsure = [0.5, 0.5];

function worker(
  bigModel: BigModel['infer'],
  environment: Record<string, string> = {},
  options: Partial<JointInferenceOptions<number[], number[]>> = {},
): JointInference<number[], number[]> {
  return new JointInference<number[], number[]>({
    estimator: { predict: (input) => Promise.resolve([...input]) },
    config: readWorkerConfig({ HEM_NAME: 'CrossEntropy', LC_PERIOD: '3600', ...environment }),
    bigModel: { infer: bigModel },
    ...options,
  });
}

const says = (origin: Origin) => () => Promise.resolve(new TierAnswer('theirs', origin));

describe('the answer of a tier', () => {
  test.each([
    [
      { answeredBy: 'site', degraded: false, reason: 'NotHard' },
      { answeredBy: 'site', reason: 'TierAnswered' },
    ],
    [
      { answeredBy: 'cloud', degraded: false },
      { answeredBy: 'cloud', reason: 'CloudAnswered' },
    ],
    [
      { answeredBy: 'site', degraded: true, reason: 'CircuitOpen', message: 'not asked now' },
      { answeredBy: 'site', reason: 'CircuitOpen', message: 'not asked now' },
    ],
    [
      { answeredBy: 'site', degraded: true, reason: 'SomethingNew' },
      { answeredBy: 'site', reason: 'CloudFailed' },
    ],
  ])('%j is passed on', async (origin, decision) => {
    const learnt: unknown[] = [];
    const joint = worker(says(origin), {}, { onHardExample: async (input) => void learnt.push(input) });
    const answer = await joint.inference(unsure);
    expect(answer).toMatchObject({ result: 'theirs', isHard: true, degraded: origin.degraded, decision });
    // A label is what somebody is sure of.
    expect(learnt).toHaveLength(origin.degraded ? 0 : 1);
    await joint.close();
  });

  test('also where the little model failed or was not asked', async () => {
    const origin = { answeredBy: 'site', degraded: true, reason: 'CloudTooLate' };
    const first = worker(says(origin), { MINING_MODE: 'mining-then-inference' });
    expect(await first.inference(unsure)).toMatchObject({
      result: 'theirs',
      degraded: true,
      decision: { answeredBy: 'site', reason: 'CloudTooLate' },
    });
    const failing = worker(says(origin), {}, { estimator: { predict: () => Promise.reject(new Error('no memory')) } });
    expect(await failing.inference(unsure)).toMatchObject({
      degraded: true,
      decision: { answeredBy: 'site', reason: 'EdgeFailed' },
    });
    await Promise.all([first.close(), failing.close()]);
  });
});

test('a tier says its own name, and passes on no more time than it has', async () => {
  const times: (number | undefined)[] = [];
  const tier = worker(
    (_input, { withinMs }) => {
      times.push(withinMs);
      return Promise.reject(new Error('gone'));
    },
    { SEDNA_TIER: 'site' },
  );
  const { decision, degraded } = await tier.inference(unsure, { deadlineMs: 5_000 });
  expect({ decision, degraded }).toMatchObject({
    decision: { answeredBy: 'site', reason: 'CloudFailed' },
    degraded: true,
  });
  expect((await tier.inference([1, 0])).decision).toMatchObject({ answeredBy: 'site', reason: 'NotHard' });
  expect(times[0]).toBeLessThanOrEqual(4_950);
  expect(times[0]).toBeGreaterThan(1_000);
  await tier.close();
});

test('a cloud that hangs: once a tier has lost its patience nobody waits on, so that its answers are no late ones for its caller', async () => {
  const hanging: BigModel['infer'] = (_input, { signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  const tier = worker(hanging, { SEDNA_TIER: 'site', SEDNA_PATIENCE_MS: '200' });
  const ask = async () => (await tier.inference(unsure, { deadlineMs: 60_000 })).decision;
  const decisions = await Promise.all(Array.from({ length: 5 }, ask));
  const message = 'the big model does not answer and is not waited for';
  expect(decisions).toEqual(Array(5).fill(expect.objectContaining({ reason: 'CircuitOpen', message })));
  // Nor does the one that is let through to see.
  await until(() => tier.circuit === 'half-open');
  expect(await ask()).toMatchObject({ reason: 'CircuitOpen', message });
  await tier.close();
});

test('an edge waits on for those whom it has asked', async () => {
  const joint = worker(
    async (_input, { signal }) => {
      await delay(500, undefined, { signal });
      return 'late';
    },
    { SEDNA_PATIENCE_MS: '20' },
  );
  const answers = await Promise.all(Array.from({ length: 4 }, () => joint.inference(unsure, { deadlineMs: 20_000 })));
  expect(answers.map(({ result }) => result)).toEqual(['late', 'late', 'late', 'late']);
  expect(joint.circuit).not.toBe('closed');
  await joint.close();
});

test('an answer whose parameters say nothing is that of the cloud', () => {
  for (const parameters of [undefined, null, 'text', {}, { edge_ms: 3, other: 'x' }]) {
    expect(withOrigin('answer', parameters)).toBe('answer');
  }
  expect(withOrigin('answer', { degraded: 2 })).toEqual(
    new TierAnswer('answer', { answeredBy: 'cloud', degraded: true }),
  );
  expect(
    withOrigin('answer', { answered_by: 'site', degraded: false, reason: 'NotHard', edge_ms: 3, cloud_ms: 40 }),
  ).toEqual(new TierAnswer('answer', { answeredBy: 'site', degraded: false, reason: 'NotHard', tookMs: 43 }));
});

test('the time that a tier is given leaves room for the way back, as it was lately, and is never less than half', () => {
  const way = new Way();
  expect([way.timeThere(1_000), way.timeThere(100)]).toEqual([950, 90]);
  way.learn(320, 20);
  expect([way.timeThere(1_000), way.timeThere(400)]).toEqual([700, 200]);
  // A fast answer says little of the next one.
  way.learn(20, 20);
  expect(way.timeThere(1_000)).toBe(730);
  for (let i = 0; i < 100; i++) way.learn(20, 20);
  expect(way.timeThere(1_000)).toBe(950);
  for (let i = 0; i < 3; i++) way.missed();
  expect(way.timeThere(1_000)).toBe(600);
  for (let i = 0; i < 9; i++) way.missed();
  expect(way.timeThere(9_000)).toBe(8_000);
  for (let i = 0; i < 100; i++) way.learn(20, 20);
  // A tier whose clock counts more than there was.
  way.learn(10, 30);
  expect(way.timeThere(1_000)).toBe(950);
});
