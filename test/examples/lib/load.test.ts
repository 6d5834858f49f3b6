import { afterEach, describe, expect, it } from '@jest/globals';
import { Load, readAnswer } from '../../../examples/lib/load.ts';
import { createInferenceServer, ModelSlot, type RunnableModel } from '../../../sdk/index.ts';
import { eventually } from '../../support/eventually.ts';

/** Scores class `answer` highest for every input. */
function always(answer: number): RunnableModel {
  const shape = [1, 2];
  return {
    inputs: [{ name: 'input', datatype: 'float32', shape }],
    outputs: [{ name: 'scores', datatype: 'float32', shape }],
    run: async () => ({
      scores: { datatype: 'float32', shape, data: Float32Array.from([0, 1], (i) => (i === answer ? 1 : 0)) },
    }),
  };
}

describe('Load', () => {
  const slot = new ModelSlot('digits');
  const server = createInferenceServer({ models: [slot] });
  // Zero for half of the time, one for the other half.
  const samples = [0, 1].map((label) => ({ label, input: [label, label] }));
  afterEach(() => server.close());

  it('counts answers per version over a swap, and drops when the server fails', async () => {
    slot.swap(always(0), 'first');
    const url = await server.listen({ host: '127.0.0.1', port: 0 });
    const load = new Load({ url, model: 'digits', requestsPerSecond: 200, samples });
    load.start();
    await eventually(() => expect(load.answeredBy('first')).toBeGreaterThanOrEqual(20));
    slot.swap(always(1), 'second');
    await eventually(() => expect(load.answeredBy('second')).toBeGreaterThanOrEqual(20));
    expect(load.dropped).toBe(0);
    slot.clear();
    await eventually(() => expect(load.dropped).toBeGreaterThanOrEqual(3));
    await load.stop();

    expect(load.firstProblem).toMatch(/^status 503: .*not loaded yet/);
    const served = load.served();
    expect(served.map(({ version }) => version)).toEqual(['first', 'second']);
    for (const { accuracy } of served) expect(accuracy).toBeCloseTo(0.5, 1);
    expect(served.reduce((sum, { requests }) => sum + requests, 0) + load.dropped).toBe(load.sent);
    const { sent } = load;
    await load.stop();
    expect(load.sent).toBe(sent);
  });
});

describe('readAnswer', () => {
  it('reads version and scores', () => {
    const answer = { model_version: 'v1', outputs: [{ name: 'scores', data: [0.1, 0.9] }] };
    expect(readAnswer(answer)).toEqual({ version: 'v1', scores: [0.1, 0.9] });
  });

  it.each([
    [null],
    ['text'],
    [{}],
    [{ model_version: 'v1' }],
    [{ model_version: 'v1', outputs: [{ data: [] }] }],
    [{ model_version: 'v1', outputs: [{ data: [1, null] }] }],
    [{ model_version: '', outputs: [{ data: [1] }] }],
    [{ outputs: [{ data: [1] }] }],
  ])('refuses %j', (answer) => {
    expect(() => readAnswer(answer)).toThrow('not an answer of the protocol');
  });
});
