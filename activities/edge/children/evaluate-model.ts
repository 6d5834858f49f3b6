/** Child process: judges an ONNX file on test data of this node. */
import { join } from 'node:path';
import { OnnxEstimator, OnnxModel } from '../../../sdk/estimators/onnx/index.ts';
import { readTestData } from '../../../sdk/features/federated/test-data.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import type { EvaluateModelInput, EvaluateModelResult } from '../../contracts.ts';
import { answerEach, scratchFile } from './lib.ts';

export interface EvaluateChildInput {
  blobUrl: string;
  evaluation: EvaluateModelInput;
  /** Index file of the test data. */
  file: string;
  /** A directory of this child's own. */
  scratch: string;
}

answerEach(async ({ blobUrl, evaluation, file, scratch }: EvaluateChildInput): Promise<EvaluateModelResult> => {
  const { model, dataset, label, loss } = evaluation;
  const path = join(scratch, 'model.onnx');
  await openBlobStore(blobUrl).fetchTo(model, path, scratchFile);
  const samples = await readTestData(file, {
    format: dataset.format,
    label,
    labels: loss === 'softmaxCrossEntropy' ? 'classes' : 'values',
    shape: await sampleShape(path),
  });
  // It never trains: the optimizer is what a training would need.
  const estimator = new OnnxEstimator({ model: path, loss, optimizer: { name: 'sgd', learningRate: 1 } });
  try {
    const metrics = await estimator.evaluate(samples);
    const last = Object.entries(metrics).flatMap(([name, values]) => {
      const value = values.at(-1);
      return value === undefined || !Number.isFinite(value) ? [] : [[name, value] as const];
    });
    return { samples: samples.count, metrics: Object.fromEntries(last) };
  } finally {
    await estimator.close();
  }
});

/** Of the first input, without the batch; -1 for axes without a fixed length. */
async function sampleShape(path: string): Promise<number[]> {
  const model = await OnnxModel.open(path);
  const shape = (model.inputs[0]?.shape ?? [])
    .slice(1)
    .map((size) => (typeof size === 'number' && size > 0 ? size : -1));
  await model.close();
  return shape;
}
