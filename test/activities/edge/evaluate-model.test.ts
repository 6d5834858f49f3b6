import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobRef, EvaluateModelInput, EvaluateModelResult } from '../../../activities/contracts.ts';
import { createAggregateActivities } from '../../../activities/edge/aggregate.ts';
import { encodeModel, mlp, OnnxEstimator } from '../../../sdk/estimators/onnx/index.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { Told } from '../../support/told.ts';

const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'evaluate-'));
const blobs = openBlobStore(join(directory, 'blobs'));
const activities = createAggregateActivities({
  node: 'edge-1',
  signaller: new Told(),
  stateDir: join(directory, 'state'),
  blobs,
});
/** Two values, two classes. */
const rows = [
  [0.25, -1, 0],
  [1, 2, 1],
  [-3, 0.5, 1],
] as const;
let environment: MockActivityEnvironment;
let model: BlobRef;

beforeEach(async () => {
  environment = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
  model = await blobs.put({
    file: file('model.onnx', encodeModel(mlp({ inputs: 2, hidden: [3], outputs: 2, seed: 4 }))),
  });
});
afterEach(() => environment.cancel('WORKER_SHUTDOWN'));

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}
const judge = (url: string, change: Partial<EvaluateModelInput> = {}): Promise<EvaluateModelResult> =>
  environment.run<
    [EvaluateModelInput],
    EvaluateModelResult,
    (given: EvaluateModelInput) => Promise<EvaluateModelResult>
  >((given) => activities.evaluateModel(given), {
    model,
    dataset: { url, format: url.split('.').at(-1) ?? '' },
    label: 'y',
    loss: 'softmaxCrossEntropy',
    ...change,
  });

describe('a model on test data', () => {
  test.each([
    ['csv', `a,y,b\n${rows.map(([a, b, y]) => `${a},${y},${b}`).join('\n')}\n`],
    ['json', rows.map(([a, b, y]) => JSON.stringify({ y, features: [a, b] })).join('\n')],
  ])('of %s is judged as its estimator judges it', async (format, text) => {
    const estimator = new OnnxEstimator({
      model: mlp({ inputs: 2, hidden: [3], outputs: 2, seed: 4 }),
      loss: 'softmaxCrossEntropy',
      optimizer: { name: 'sgd', learningRate: 1 },
    });
    const expected = await estimator.evaluate({
      inputs: Float32Array.from(rows.flatMap(([a, b]) => [a, b])),
      labels: Int32Array.from(rows, ([, , y]) => y),
      shape: [2],
      count: 3,
    });
    await estimator.close();
    const result = await judge(file(`data.${format}`, text));
    expect(result).toEqual({ samples: 3, metrics: { accuracy: expected.accuracy?.[0], loss: expected.loss?.[0] } });
  });

  test('of images is found beside the index, with the label as second word', async () => {
    file('grey.pgm', Buffer.concat([Buffer.from('P5\n# a comment\n2 1\n255\n'), Buffer.from([0, 255])]));
    const result = await judge(file('index.txt', 'grey.pgm 1\ngrey.pgm 0\n'));
    expect(result).toMatchObject({ samples: 2, metrics: { accuracy: 0.5 } });
  });

  test.each([
    ['nolabel.csv', 'a,b\n1,2\n', 'DatasetUnreadable', 'has no column "y"'],
    ['words.csv', 'a,y,b\n1,1,x\n', 'DatasetUnreadable', 'sample 1 holds something that is no number'],
    [
      'ragged.json',
      '{"y":0,"v":[1,2]}\n{"y":1,"v":[1]}\n',
      'DatasetUnreadable',
      'sample 2 has 1 values, the first one 2',
    ],
    ['labels.csv', 'a,y,b\n1,cat,2\n', 'DatasetUnreadable', 'sample 1: its label "cat" is no number'],
    ['empty.csv', 'a,y,b\n', 'DatasetUnreadable', 'has no samples'],
    ['wide.csv', 'a,y,b,c\n1,0,2,3\n', 'WorkerFailed', 'InvalidSamples'],
    ['classes.csv', 'a,y,b\n1,7,2\n', 'WorkerFailed', 'InvalidSamples'],
  ])('%s is refused by name, once', async (name, text, type, words) => {
    await expect(judge(file(name, text))).rejects.toMatchObject({
      type,
      nonRetryable: true,
      message: expect.stringContaining(words) as unknown,
    });
  });

  test('that is not there is refused too', async () => {
    await expect(judge(join(directory, 'gone.csv'))).rejects.toMatchObject({ type: 'DatasetUnreadable' });
  });

  test('needs an ONNX file', async () => {
    const broken = await blobs.put({ file: file('model.txt', 'no model') });
    await expect(judge(file('ok.csv', 'a,y,b\n1,0,2\n'), { model: broken })).rejects.toMatchObject({
      type: 'WorkerFailed',
      message: expect.stringContaining('InvalidModel') as unknown,
    });
  });
});
