/** The corpus of model files, as servers load them: each is judged in a process that survives it, and the verdict is the corpus's. */
import { afterAll, describe, expect, test } from '@jest/globals';
import { join } from 'node:path';
import { InferenceError, openFileModel } from '../../../../sdk/index.ts';
import type { Tensor } from '../../../../sdk/index.ts';
import { corpusDirectory, readExpected } from '../../../corpus/lib/expected.ts';

const crashes: string[] = [];
const served = readExpected('models');

afterAll(() => expect(crashes).toEqual([]));

describe.each(served)('%s', (name, entry) => {
  test('is what the corpus says', async () => {
    const { verdict, message } = 'verdict' in entry ? entry : (entry as { serving: typeof entry }).serving;
    const opened = openFileModel({
      name: 'm',
      file: join(corpusDirectory, 'models', 'files', name),
      threads: 1,
      // One of them is small and computes 10 GB.
      warmUp: false,
      onProblem: (problem) => crashes.push(problem.message),
    });
    if (verdict === 'accept') {
      await (await opened).close();
      return;
    }
    const error: unknown = await opened.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(InferenceError);
    expect(error).toMatchObject({ statusCode: 400, message: expect.stringContaining(message ?? '') });
  }, 60_000);
});

test('a small one that computes 10 GB fails within its limit, by name, and costs nobody else', async () => {
  const file = join(corpusDirectory, 'models', 'files', 'constant-of-10-gb.onnx');
  const limits = { warmUp: false, memoryBytes: 1 << 30, onProblem: (problem: Error) => crashes.push(problem.message) };
  const model = await openFileModel({ name: 'm', file, threads: 1, ...limits });
  const feeds = model.inputs.map(({ name, shape }): [string, Tensor] => {
    const sizes = shape.map((size) => (typeof size === 'number' ? size : 1));
    const data = new Float32Array(sizes.reduce((a, b) => a * b, 1));
    return [name, { datatype: 'float32', shape: sizes, data }];
  });
  await expect(model.infer(Object.fromEntries(feeds))).rejects.toMatchObject({ statusCode: 500 });
  await model.close();
});
