import { expect, it } from '@jest/globals';
import {
  lastOf,
  percent,
  stageInWords,
  type JobStatus,
} from '../../../../examples/incremental-learning/mnist/words.ts';

const status: JobStatus = {
  phase: 'Training',
  round: 2,
  conditions: [{ type: 'Progressing', message: 'round 2, 960 samples' }],
};
const metrics = (accuracy: number) => ({ url: `/m/${accuracy}`, metrics: { accuracy: [0.1, accuracy] } });

it.each([
  [
    'Train',
    'Ready',
    { data: { input: { dataURL: '/d/1', models: [] } } },
    'enough new samples: those that train are listed in /d/1',
  ],
  ['Train', 'Running', {}, 'trains (round 2, 960 samples)'],
  ['Train', 'Completed', { data: { output: { models: [metrics(0.9)] } } }, 'trained: /m/0.9'],
  ['Train', 'Failed', { message: 'WorkerFailed: exit 3' }, 'Train failed: WorkerFailed: exit 3'],
  [
    'Eval',
    'Completed',
    { data: { output: { models: [metrics(0.875), metrics(0.5)] } } },
    'accuracy: deployed 50.0 %, new 87.5 %',
  ],
  ['Eval', 'Completed', {}, 'accuracy: deployed unknown, new unknown'],
  ['Deploy', 'Completed', { message: 'not deployed: accuracy_delta = 0' }, 'not deployed: accuracy_delta = 0'],
  ['Train', 'Waiting', {}, undefined],
  ['Deploy', 'NeverHeardOf', {}, undefined],
] as const)('%s/%s in words', (stage, type, rest, sentence) => {
  const { data, message } = rest as { data?: unknown; message?: string };
  const condition = { stage, type, message, ...(data === undefined ? {} : { data: JSON.stringify(data) }) };
  expect(stageInWords(condition, status)).toBe(sentence);
});

it('takes the last value of a metric', () => {
  expect(lastOf([0.5, 0.75])).toBe(0.75);
  expect(percent(lastOf([]))).toBe('unknown');
  expect(percent(lastOf(undefined))).toBe('unknown');
  expect(percent(1)).toBe('100.0 %');
});
