import { expect, test } from '@jest/globals';
import { count, retire, totals } from '../../../../workflows/lib/worker-set/counts.ts';
import type { Counts } from '../../../../workflows/lib/worker-set/state.ts';

test('neither a restart nor a replacement sets the sums back; ratios are not added up', () => {
  const counts: Counts = { live: {}, ended: {} };
  const report = (worker: string, startedAt: string, inferenceNumber: number, hardExampleNumber: number): void =>
    count(counts, worker, {
      startedAt,
      values: { inferenceNumber, hardExampleNumber, uploadCloudRatio: 0.5, mode: 'both' },
    });
  report('a', '1', 10, 4);
  report('a', '1', 12, 5);
  report('b', '1', 3, 0);
  expect(totals(counts)).toEqual({ inferenceNumber: 15, hardExampleNumber: 5, mode: 'both' });
  report('a', '2', 1, 1);
  expect(totals(counts)).toEqual({ inferenceNumber: 16, hardExampleNumber: 6, mode: 'both' });
  retire(counts, 'a');
  retire(counts, 'never heard of');
  expect(totals(counts)).toEqual({ inferenceNumber: 16, hardExampleNumber: 6, mode: 'both' });
  expect(Object.keys(counts.live)).toEqual(['b']);
});
