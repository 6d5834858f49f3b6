import { expect, test } from '@jest/globals';
import { int, ints, toProto } from '../../../../sdk/estimators/onnx/graph/attributes.ts';
import type { Attributes } from '../../../../sdk/estimators/onnx/graph/attributes.ts';
import { sizeOf } from '../../../../sdk/estimators/onnx/graph/shape.ts';
import { floatTensor } from '../../../../sdk/estimators/onnx/graph/tensors.ts';
import { valueInfo } from '../../../../sdk/estimators/onnx/graph/writer.ts';
import { OnnxEstimator, Random } from '../../../../sdk/estimators/onnx/index.ts';
import type { ModelProto, OnnxSamples } from '../../../../sdk/estimators/onnx/index.ts';

const random = new Random(1);
const length = 64;

const node = (opType: string, input: string[], output: string, attributes: Attributes = {}) => ({
  opType,
  name: output,
  input,
  output: [output],
  attribute: toProto(attributes),
});
const filled = (name: string, shape: number[], value?: number) =>
  floatTensor(
    name,
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => value ?? 0.3 * random.normal()),
  );

/** As exporters write it: convolutions, a pooling and a batch normalisation over [N, C, L]. */
const model: ModelProto = {
  irVersion: 8,
  opsetImport: [{ domain: '', version: 17 }],
  graph: {
    name: 'vibration',
    input: [valueInfo('x', ['n', 1, length])],
    output: [valueInfo('logits', ['n', 2])],
    initializer: [
      filled('conv1.weight', [8, 1, 5]),
      filled('conv1.bias', [8], 0),
      filled('norm.scale', [8], 1),
      filled('norm.bias', [8], 0),
      filled('norm.mean', [8], 0),
      filled('norm.var', [8], 1),
      filled('conv2.weight', [8, 8, 3]),
      filled('dense.weight', [2, 8]),
      filled('dense.bias', [2], 0),
    ],
    node: [
      node('Conv', ['x', 'conv1.weight', 'conv1.bias'], 'conv1', { pads: ints([2, 2]) }),
      node('BatchNormalization', ['conv1', 'norm.scale', 'norm.bias', 'norm.mean', 'norm.var'], 'norm'),
      node('Relu', ['norm'], 'relu1'),
      node('MaxPool', ['relu1'], 'pool', { kernel_shape: ints([2]), strides: ints([2]) }),
      node('Conv', ['pool', 'conv2.weight'], 'conv2', { kernel_shape: ints([3]), dilations: ints([2]) }),
      node('Relu', ['conv2'], 'relu2'),
      node('GlobalAveragePool', ['relu2'], 'mean'),
      node('Flatten', ['mean'], 'features', { axis: int(1) }),
      node('Gemm', ['features', 'dense.weight', 'dense.bias'], 'logits', { transB: int(1) }),
    ],
  },
};

/** Two frequencies, any phase, with noise. */
function vibrations(count: number): OnnxSamples {
  const inputs = new Float32Array(count * length);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2);
  for (let i = 0; i < count; i++) {
    const phase = 2 * Math.PI * random.uniform();
    for (let t = 0; t < length; t++) {
      inputs[i * length + t] = Math.sin((i % 2 ? 0.9 : 0.5) * t + phase) + 0.3 * random.normal();
    }
  }
  return { inputs, shape: [1, length], labels, count };
}

test('a model over sequences trains, and keeps its form', async () => {
  const optimizer = { name: 'adam', learningRate: 0.01 } as const;
  const estimator = new OnnxEstimator({ model, loss: 'softmaxCrossEntropy', optimizer, epochs: 5 });
  const before = await estimator.evaluate(vibrations(200));
  await estimator.train(vibrations(400));
  const after = await estimator.evaluate(vibrations(200));
  const weights = await estimator.getWeights();
  await estimator.close();
  expect(before.accuracy?.[0]).toBeLessThan(0.7);
  expect(after.accuracy?.[0]).toBeGreaterThan(0.97);
  expect(weights['conv1.weight']?.shape).toEqual([8, 1, 5]);
  expect(Object.keys(weights).sort()).toEqual(model.graph.initializer.map(({ name }) => name).sort());
});
