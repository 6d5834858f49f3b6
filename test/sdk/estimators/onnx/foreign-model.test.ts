import { describe, expect, test } from '@jest/globals';
import { float, int, ints, toProto } from '../../../../sdk/estimators/onnx/graph/attributes.ts';
import type { Attributes } from '../../../../sdk/estimators/onnx/graph/attributes.ts';
import { floatTensor } from '../../../../sdk/estimators/onnx/graph/tensors.ts';
import { valueInfo } from '../../../../sdk/estimators/onnx/graph/writer.ts';
import { OnnxEstimator, OnnxModel, Random, decodeModel, encodeModel } from '../../../../sdk/estimators/onnx/index.ts';
import type { ModelProto } from '../../../../sdk/estimators/onnx/index.ts';
import { findLoss } from '../../../../sdk/estimators/onnx/losses/registry.ts';
import type { NodeProto, TensorProto } from '../../../../sdk/estimators/onnx/proto/types.ts';
import { checkModel, normal } from './support/gradient-check.ts';
import { clouds } from './support/samples.ts';

const random = new Random(8);

function node(opType: string, input: string[], output: string, attributes: Attributes = {}): NodeProto {
  return { opType, name: `/net/${output}`, input, output: [output], attribute: toProto(attributes) };
}

/** A model as other tools write it: float_data, weights among the inputs, Constant nodes, a fixed batch, an old opset. */
function foreign(): ModelProto {
  const w1 = Array.from({ length: 12 }, () => random.normal());
  const scale: TensorProto = { dataType: 1, dims: [1], floatData: [0.5] };
  const initializer: TensorProto[] = [
    { name: '/net/0/Weight', dims: [6, 2], dataType: 1, floatData: w1 },
    floatTensor('/net/0/Bias', [6], new Float32Array(6)),
    floatTensor('/net/2/Weight', [6, 3], normal(random, [6, 3]).data),
    { name: '/net/shape', dims: [2], dataType: 7, int64Data: [-1, 6] },
    { name: 'unused', dims: [2], dataType: 1, floatData: [1, 2] },
  ];
  return {
    irVersion: 3,
    producerName: 'elsewhere',
    opsetImport: [{ domain: '', version: 11 }],
    graph: {
      name: 'net',
      node: [
        node('Gemm', ['/net/in', '/net/0/Weight', '/net/0/Bias'], '/net/0/out', { transB: int(1), alpha: float(1) }),
        node('Constant', [], '/net/scale', { value: { type: 4, t: scale } }),
        node('Mul', ['/net/0/out', '/net/scale'], '/net/scaled'),
        node('Tanh', ['/net/scaled'], '/net/1/out'),
        node('Reshape', ['/net/1/out', '/net/shape'], '/net/flat'),
        node('MatMul', ['/net/flat', '/net/2/Weight'], '/net/2/out'),
        node('Identity', ['/net/2/out'], '/net/logits'),
        node('Softmax', ['/net/logits'], '/net/out'),
      ],
      initializer,
      input: [
        valueInfo('/net/in', [1, 2]),
        ...initializer.map(({ name, dims = [], dataType }) => valueInfo(name ?? '', dims as number[], dataType)),
      ],
      output: [valueInfo('/net/out', [1, 3])],
    },
  };
}

const foreignModel = foreign();
const setup = { loss: 'softmaxCrossEntropy', optimizer: { name: 'adam', learningRate: 0.02 } } as const;

describe('a model that was made elsewhere', () => {
  test('trains, predicts for any number of rows, and comes out with its own names and encodings', async () => {
    const bytes = encodeModel(foreign());
    const estimator = new OnnxEstimator({ model: bytes, ...setup, epochs: 10, batchSize: 32 });
    expect(Object.keys(await estimator.getWeights())).toEqual(['/net/0/Weight', '/net/0/Bias', '/net/2/Weight']);
    await estimator.train(clouds(200));
    expect((await estimator.evaluate(clouds(60, 3))).accuracy?.[0]).toBeGreaterThan(0.9);
    expect((await estimator.predict({ data: new Float32Array(10), shape: [5, 2] })).shape).toEqual([5, 3]);
    await estimator.close();
  });

  test('its gradients are right', async () => {
    const target = { shape: [4, 3], data: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0) };
    const model = foreign();
    // Its unused weight cannot be a parameter of the loss.
    model.graph.initializer.pop();
    model.graph.input.pop();
    await checkModel(model, findLoss('softmaxCrossEntropy'), normal(random, [4, 2]), target);
  });

  test('one weight used twice gets both gradients', async () => {
    const model = foreign();
    model.graph.initializer = [floatTensor('w', [2, 2], normal(random, [2, 2]).data)];
    model.graph.input = [valueInfo('x', ['N', 2])];
    model.graph.node = [
      node('MatMul', ['x', 'w'], 'a'),
      node('Tanh', ['a'], 'b'),
      node('MatMul', ['b', 'w'], '/net/out'),
    ];
    await checkModel(model, findLoss('mse'), normal(random, [3, 2]), normal(random, [3, 2]));
  });

  test('an output that is only named anew is still behind its Softmax', async () => {
    const renamed = foreign();
    renamed.graph.node.splice(-1, 1, node('Softmax', ['/net/logits'], 'p'), node('Identity', ['p'], '/net/out'));
    renamed.graph.initializer = foreignModel.graph.initializer;
    const losses = [foreignModel, renamed].map(async (model) => {
      const estimator = new OnnxEstimator({ model: encodeModel(model), ...setup });
      const before = await estimator.evaluate(clouds(60));
      return [before, await estimator.train(clouds(60))];
    });
    expect(await losses[1]).toEqual(await losses[0]);
  });

  test('a form of an operator that does not train is judged all the same', async () => {
    const model = foreign();
    model.graph.initializer = [floatTensor('w', [3, 1, 1, 1, 2], normal(random, [3, 1, 1, 1, 2]).data)];
    model.graph.input = [valueInfo('x', ['N', 1, 1, 1, 2])];
    model.graph.output = [{ name: 'y' }];
    model.graph.node = [
      node('Conv', ['x', 'w'], 'c', { kernel_shape: ints([1, 1, 2]) }),
      node('Flatten', ['c'], 'f'),
      node('Softmax', ['f'], 'y'),
    ];
    const samples = { ...clouds(30), shape: [1, 1, 1, 2] };
    const estimator = new OnnxEstimator({ model: encodeModel(model), ...setup });
    await expect(estimator.train(samples)).rejects.toThrow(
      'Conv "/net/c": works on sequences [N, C, L] and images [N, C, H, W]',
    );
    const { data } = await estimator.predict({ data: samples.inputs, shape: [30, 1, 1, 1, 2] });
    const { accuracy, loss } = await estimator.evaluate(samples);
    const rows = Array.from(samples.labels, (label, row) => ({ label, row: [...data.subarray(3 * row, 3 * row + 3)] }));
    const right = rows.filter(({ label, row }) => row[label] === Math.max(...row)).length;
    expect(accuracy?.[0]).toBeCloseTo(right / 30, 6);
    const cross = rows.reduce((sum, { label, row }) => sum - Math.log(row[label] ?? NaN), 0) / 30;
    expect(loss?.[0]).toBeCloseTo(cross, 4);
    // What the runtime cannot judge either is refused for the first reason.
    model.graph.node[0] = node('Conv', ['x', 'w'], 'c', { kernel_shape: ints([1, 1, 2]), group: int(2) });
    const broken = new OnnxEstimator({ model: encodeModel(model), ...setup });
    await expect(broken.evaluate(samples)).rejects.toThrow('Conv "/net/c": ');
  });

  test('fields that we do not know survive a round trip', () => {
    const bytes = encodeModel(foreign());
    // Field 99 of ModelProto, a string: tag (99 << 3 | 2) as varint, length, text.
    const extra = Uint8Array.of(0x9a, 0x06, 3, 0x61, 0x62, 0x63);
    const extended = new Uint8Array([...bytes, ...extra]);
    expect(Buffer.from(encodeModel(decodeModel(extended))).includes(Buffer.from(extra))).toBe(true);
  });

  test.each([
    ['LSTM', 'operator LSTM "/net/b" cannot be trained; supported: Abs, Add'],
    ['NoSuchThing', 'NoSuchThing "/net/b"'],
  ])('an operator without a gradient (%s) is refused by name before training', async (opType, message) => {
    const model = foreign();
    model.graph.node = [
      node('Gemm', ['/net/in', '/net/0/Weight'], 'a', { transB: int(1) }),
      node(opType, ['a'], 'b', { axes: ints([1]) }),
      node('Softmax', ['b'], '/net/out'),
    ];
    const estimator = new OnnxEstimator({ model, ...setup });
    await expect(estimator.train(clouds(9))).rejects.toMatchObject({
      type: 'UnsupportedOperator',
      message: expect.stringContaining(message),
    });
  });

  test.each([
    [
      'no weights',
      (m: ModelProto) => void (m.graph.node = [node('Softmax', ['/net/in'], '/net/out')]),
      'nothing to train',
    ],
    ['a misshapen weight', (m: ModelProto) => void (m.graph.initializer[0]!.dims = [3, 4]), 'inner dimensions differ'],
    ['too few values', (m: ModelProto) => void (m.graph.initializer[0]!.floatData = [1]), '/net/0/Weight has 1 values'],
    ['external data', (m: ModelProto) => void (m.graph.initializer[0]!.dataLocation = 1), 'in another file'],
    [
      'a missing value',
      (m: ModelProto) => void (m.graph.node[2]!.input[1] = 'nowhere'),
      'input 1 ("nowhere") is missing',
    ],
    [
      'two inputs',
      (m: ModelProto) => void m.graph.input.push(valueInfo('mask', [1])),
      'several inputs ("/net/in", "mask")',
    ],
    ['boolean input', (m: ModelProto) => void (m.graph.input[0] = valueInfo('/net/in', [1, 2], 9)), 'element type 9'],
    ['an ancient opset', (m: ModelProto) => void (m.opsetImport = [{ version: 5 }]), 'opset 5 is too old'],
    ['a fixed batch inside', (m: ModelProto) => void (m.graph.initializer[3]!.int64Data = [1, 6]), 'leave the batch'],
  ])('a model with %s is refused with the reason', async (_, spoil, message) => {
    const model = foreign();
    spoil(model);
    const train = async () => new OnnxEstimator({ model, ...setup, batchSize: 4 }).train(clouds(9));
    await expect(train()).rejects.toThrow(message);
  });

  test('an unknown input or output option is refused with the names there are', async () => {
    const model = foreign();
    await expect(new OnnxEstimator({ model, ...setup, input: 'x' }).train(clouds(9))).rejects.toThrow('only "/net/in"');
    await expect(new OnnxEstimator({ model, ...setup, output: 'y' }).train(clouds(9))).rejects.toThrow('only /net/out');
  });

  test('the inference session reports its metadata', async () => {
    const model = await OnnxModel.open(encodeModel(foreign()));
    expect(model.inputs).toEqual([{ name: '/net/in', datatype: 'float32', shape: [1, 2] }]);
    expect(model.outputs).toEqual([{ name: '/net/out', datatype: 'float32', shape: [1, 3] }]);
    await model.close();
  });
});
