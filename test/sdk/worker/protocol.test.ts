import { describe, expect, test } from '@jest/globals';
import { workerProgress, workerReport } from '../../../sdk/worker/index.ts';

const identity = { name: 'w', namespace: 'default', ownerName: 'sdd', ownerKind: 'default' };

describe('what stock images send is understood', () => {
  test('a federated trainer', () => {
    const report = workerReport.parse({
      ...identity,
      kind: 'train',
      status: 'running',
      results: [
        { format: 'pb', url: '/m1/model/model_finetune_keras.pb', metrics: { loss: [0.5] } },
        { format: 'ckpt', url: '/m1/model', metrics: null },
      ],
      ownerInfo: { currentRound: 1, sampleCount: 3, startTime: '2026-11-22 21:25:39' },
      futureField: { a: 1 },
    });
    expect(report.results.map(({ metrics }) => metrics)).toEqual([{ loss: [0.5] }, {}]);
    expect(report).not.toHaveProperty('futureField');
  });

  test('joint inference has no status, lifelong learning plain and nested numbers', () => {
    expect(workerReport.parse({ ...identity, kind: 'inference', results: [] }).status).toBeUndefined();
    const { results } = workerReport.parse({
      ...identity,
      kind: 'eval',
      status: 'Completed',
      results: [
        { url: '/out/index.pkl', metrics: { a: 0.5, b: '0.25', c: { d: 1 }, e: [1, 'x', null, '2'], f: null } },
      ],
    });
    expect(results[0]).toEqual({ format: '', url: '/out/index.pkl', metrics: { a: [0.5], b: [0.25], e: [1, 2] } });
  });

  test('almost nothing', () => {
    expect(workerReport.parse({ name: 'w' })).toEqual({
      name: 'w',
      namespace: '',
      ownerName: '',
      ownerKind: '',
      kind: '',
      results: [],
    });
  });
});

describe('what could do harm is refused or made harmless', () => {
  test.each([
    ['no name', { ...identity, name: undefined }],
    ['a long name', { ...identity, name: 'x'.repeat(254) }],
    ['results that are no list', { ...identity, results: {} }],
    ['too many results', { ...identity, results: Array.from({ length: 1001 }, () => ({})) }],
    ['a URL that is no text', { ...identity, results: [{ url: 5 }] }],
    ['metrics that are a list', { ...identity, results: [{ metrics: [1] }] }],
    [
      'too many metrics',
      { ...identity, results: [{ metrics: Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [i, 1])) }] },
    ],
    ['a huge message', { ...identity, message: 'x'.repeat(16_385) }],
  ])('%s', (_name, body) => expect(workerReport.safeParse(body).success).toBe(false));

  test('escape sequences and prototype keys', () => {
    const { message } = workerReport.parse({ ...identity, message: '\u001b[2Jred\u009b31m\ttab\nline\u0000' });
    expect(message).toBe('[2Jred31m\ttab\nline');
    const { results } = workerReport.parse(
      JSON.parse('{"name":"w","results":[{"metrics":{"__proto__":{"polluted":1},"constructor":1}}]}'),
    );
    expect(results[0]?.metrics).toEqual({ constructor: [1] });
    expect({}).not.toHaveProperty('polluted');
  });

  test('progress needs numbers', () => {
    expect(workerProgress.safeParse({ step: 1, total: 2, metrics: { loss: 0.5 } }).success).toBe(true);
    for (const body of [{}, { step: '1', total: 2 }, { step: -1, total: 2 }, null]) {
      expect(workerProgress.safeParse(body).success).toBe(false);
    }
  });
});
