import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { InferenceStatistics } from '../../../sdk/features/inference-statistics.ts';

describe('InferenceStatistics', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('reports totals once a period, and only when something was added', async () => {
    jest.useFakeTimers();
    const sent: Record<string, unknown>[] = [];
    const statistics = new InferenceStatistics({
      periodSeconds: 30,
      send: async (ownerInfo) => void sent.push(ownerInfo),
      onProblem: (problem) => {
        throw problem;
      },
    });
    statistics.start();
    await jest.advanceTimersByTimeAsync(30_000);
    expect(sent).toEqual([]);
    for (const isHard of [true, false, false, false]) statistics.count(isHard);
    await jest.advanceTimersByTimeAsync(30_000);
    await jest.advanceTimersByTimeAsync(30_000);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ inferenceNumber: 4, hardExampleNumber: 1, uploadCloudRatio: 0.25 });
    expect(sent[0]?.['updateTime']).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    await statistics.close();
    expect(sent).toHaveLength(1);
  });

  it('sends the totals again after a report that was lost', async () => {
    jest.useFakeTimers();
    const problems: Error[] = [];
    let lose = true;
    const sent: number[] = [];
    const statistics = new InferenceStatistics({
      periodSeconds: 1,
      send: async ({ inferenceNumber }) => {
        if (lose) throw new Error('lost');
        sent.push(inferenceNumber as number);
      },
      onProblem: (problem) => problems.push(problem),
    });
    statistics.start();
    statistics.count(false);
    await jest.advanceTimersByTimeAsync(1_000);
    lose = false;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(problems).toHaveLength(1);
    expect(sent).toEqual([1]);
    await statistics.close();
  });

  it('sends the last counts when it is closed', async () => {
    const sent: unknown[] = [];
    const statistics = new InferenceStatistics({
      periodSeconds: 3_600,
      send: async ({ inferenceNumber }, options) => void sent.push([inferenceNumber, options]),
      onProblem: (problem) => {
        throw problem;
      },
    });
    statistics.start();
    statistics.count(true);
    await statistics.close();
    expect(sent).toEqual([[1, expect.objectContaining({ attempts: 1 })]]);
  });
});
