import { afterEach, expect, test } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cloud } from '../../../../sdk/features/joint-inference/cloud.ts';
import { FailedInputs } from '../../../../sdk/features/joint-inference/deferred/failed-inputs.ts';
import { BigModelError, DeferredAnswers } from '../../../../sdk/index.ts';
import { blame } from '../../../../sdk/features/joint-inference/big-model.ts';
import { until } from '../../support/until.ts';

let deferred: DeferredAnswers<number>;
afterEach(() => deferred.close());

/** The least sure come first: those below `hopeless`. */
async function waiting(count: number, hopeless: number): Promise<void> {
  const folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'failed-'));
  const uncertainty = (provisional: unknown) => provisional as number;
  deferred = new DeferredAnswers<number>({ folder, quotaBytes: 8 << 20, maxAgeMs: 60_000, uncertainty });
  for (let input = 0; input < count; input++) {
    await deferred.keep({ id: `r${input}`, input, provisional: input < hopeless ? 0.9 : 0.5 });
  }
}

test.each([
  ['the service says so', () => new BigModelError('the service answered 500', blame(500))],
  ['a function of somebody throws', () => new TypeError('undefined is not a number')],
])('inputs that the big model always fails at hold up nobody else: %s', async (_how, failure) => {
  await waiting(16, 6);
  const asked = Array<number>(16).fill(0);
  const infer = async (input: number): Promise<number> => {
    asked[input] = (asked[input] ?? 0) + 1;
    if (input < 6) throw failure();
    return input;
  };
  deferred.start(new Cloud({ bigModel: { infer }, circuit: { retryAfterMs: 50 } }));
  await until(async () => (await deferred.counts()).final === 10);
  expect(asked.slice(6)).toEqual(Array(10).fill(1));
  expect(await deferred.counts()).toEqual({ pending: 6, final: 10, expired: 0 });
});

test('the pauses of an input that is failed at grow to ten minutes, of one that comes too late to half a minute', () => {
  const inputs = new FailedInputs();
  const pauses = (digest: string, how: 'failing' | 'late') =>
    Array.from({ length: 11 }, () => inputs.failed(digest, how) / 1_000);
  expect(pauses('a', 'failing')).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]);
  expect(pauses('b', 'late')).toEqual([1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]);
  inputs.ended('a');
  expect(inputs.failed('a', 'failing')).toBe(1_000);
});

test('where nobody took them the least sure are still the first when the service is back', async () => {
  await waiting(12, 4);
  let isBack = false;
  const answered: number[] = [];
  let refusals = 0;
  const infer = async (input: number): Promise<number> => {
    if (!isBack) {
      refusals += 1;
      throw new BigModelError('http://cloud cannot be reached');
    }
    answered.push(input);
    return input;
  };
  deferred.start(new Cloud({ bigModel: { infer }, circuit: { retryAfterMs: 50 } }));
  await until(() => refusals > 5);
  isBack = true;
  await until(() => answered.length === 12);
  expect(answered.slice(0, 4).sort()).toEqual([0, 1, 2, 3]);
});
