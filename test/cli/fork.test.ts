import { describe, expect, test } from '@jest/globals';
import { forked } from '../../cli/fork.ts';
import { setPath } from '../../cli/lib/set-path.ts';

const template = { spec: { containers: [{ name: 'c', image: 'i' }] } };
const source = () => ({
  apiVersion: 'sedna.io/v1alpha1' as const,
  kind: 'FederatedLearningJob',
  metadata: { name: 'digits', namespace: 'lab', uid: 'u', annotations: { 'sedna.io/stop': '1' } },
  spec: {
    aggregationWorker: { model: { name: 'm' }, template },
    trainingWorkers: [{ dataset: { name: 'd' }, template }],
    rounds: { total: 5 },
  },
  status: { phase: 'Succeeded' },
});
const ref = { kind: 'FederatedLearningJob', namespace: 'lab', name: 'digits' };
const fork = (set: string[] = []) =>
  forked(source(), { ref, round: 3, options: { fromRound: '3', name: 'other', namespace: 'lab', set } });

describe('a fork', () => {
  test('is the manifest with a start, a name and what is set; nothing that was said to the first one', () => {
    expect(
      fork(['spec.rounds.total=20', 'spec.trainingConfig.learningRate=0.01', 'spec.trainingWorkers[0].dataset.name=e']),
    ).toEqual({
      apiVersion: 'sedna.io/v1alpha1',
      kind: 'FederatedLearningJob',
      metadata: { name: 'other', namespace: 'lab' },
      spec: {
        aggregationWorker: { model: { name: 'm' }, template },
        trainingWorkers: [{ dataset: { name: 'e' }, template }],
        rounds: { total: 20 },
        trainingConfig: { learningRate: 0.01 },
        startFrom: { job: 'digits', round: 3 },
      },
    });
  });

  test.each(['metadata.name=third', 'metadata.namespace=elsewhere', 'metadata={name: third}', 'metadata=null'])(
    'has the name that was looked for: %s is refused',
    (assignment) => {
      expect(() => fork([assignment])).toThrow(
        '--set: metadata.name and metadata.namespace of the new job cannot be set',
      );
    },
  );

  test('that is not valid names the field', () => {
    expect(() => fork(['spec.rounds.total=0'])).toThrow('spec.rounds.total');
    expect(() => fork(['spec.round.total=4'])).toThrow('spec.round');
  });
});

describe('--set', () => {
  test.each([
    ['a.b=1', { a: { b: 1 } }],
    ['a=x=y', { a: 'x=y' }],
    ['a=', { a: null }],
    ['a=[1, {b: c}]', { a: [1, { b: 'c' }] }],
    ['list[1]=z', { list: ['x', 'z'] }],
  ])('%s', (assignment, expected) => {
    const target: Record<string, unknown> = { ...(assignment.startsWith('list') ? { list: ['x', 'y'] } : {}) };
    setPath(target, assignment);
    expect(target).toEqual(expected);
  });

  test.each(['a', '=1', 'a..b=1', 'a[x]=1', 'a.__proto__.b=1', 'list[2]=1', 'text.b=1', 'a=[1'])(
    '%s is refused',
    (assignment) => {
      expect(() => setPath({ list: ['x', 'y'], text: 'hello' }, assignment)).toThrow('cannot be set');
    },
  );
});
