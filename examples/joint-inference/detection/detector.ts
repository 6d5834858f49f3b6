/** A grid detector: convolutions down to one position a cell, and which digit is there. */
import { encodeModel, GraphBuilder, OnnxEstimator, type ModelProto } from '../../../sdk/estimators/onnx/index.ts';
import { cells, cornersOf, empty, side, type Canvas } from './canvases.ts';

const classes = empty + 1;
const [float32, int64] = [1, 7];
const ints = (name: string, values: number[]) => ({ name, type: 7, ints: values });

/** Trains a detector and returns its file: candidates [1, cells, x1 y1 x2 y2 and ten scores], for `boxes` of a signature. */
export async function trainDetector(
  canvases: readonly Canvas[],
  { channels, epochs }: { channels: number; epochs: number },
): Promise<Uint8Array> {
  const estimator = new OnnxEstimator({
    model: gridOf(channels),
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'adam', learningRate: 3e-3 },
    epochs,
    batchSize: 32,
    seed: 1,
    threads: 1,
  });
  const inputs = new Float32Array(canvases.length * side * side);
  const labels = new Int32Array(canvases.length * cells);
  for (const [i, canvas] of canvases.entries()) {
    inputs.set(
      Float32Array.from(canvas.pixels, (value) => value / 255),
      i * side * side,
    );
    labels.set(canvas.labels, i * cells);
  }
  await estimator.train({ inputs, labels, shape: [1, side, side], count: canvases.length });
  const weights = await estimator.getWeights();
  await estimator.close();
  const model = withCandidates(gridOf(channels));
  for (const tensor of model.graph.initializer) {
    const data = weights[tensor.name ?? '']?.data;
    if (data) tensor.rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return encodeModel(model);
}

/** Input [N, 1, side, side], output [N, cells, classes]: probabilities. */
function gridOf(channels: number): ModelProto {
  const graph = new GraphBuilder({ seed: 1 }).input([1, side, side]);
  for (const factor of [1, 2, 4]) graph.conv2d(channels * factor, { kernel: 5, stride: 2, padding: 2 }).relu();
  graph
    .conv2d(channels * 8, { kernel: 4, stride: 4 })
    .relu()
    .conv2d(classes, { kernel: 1 })
    .reshape([classes, cells]);
  const model = graph.build('grid');
  model.graph.node.push(
    { opType: 'Transpose', name: 'rows', input: ['grid'], output: ['rows'], attribute: [ints('perm', [0, 2, 1])] },
    {
      opType: 'Softmax',
      name: 'output',
      input: ['rows'],
      output: ['output'],
      attribute: [{ name: 'axis', type: 2, i: -1 }],
    },
  );
  const dim = [{ dimParam: 'N' }, { dimValue: cells }, { dimValue: classes }];
  model.graph.output = [{ name: 'output', type: { tensorType: { elemType: float32, shape: { dim } } } }];
  return model;
}

/** The same for one canvas at a time, with the corners of each cell before its scores. */
function withCandidates(model: ModelProto): ModelProto {
  const { graph } = model;
  const corners = Float32Array.from(Array.from({ length: cells }, (_, cell) => cornersOf(cell)).flat());
  const bounds = (name: string, value: number) => ({
    name,
    dims: [1],
    dataType: int64,
    rawData: new Uint8Array(BigInt64Array.of(BigInt(value)).buffer),
  });
  graph.initializer.push(
    { name: 'corners', dims: [1, cells, 4], dataType: float32, rawData: new Uint8Array(corners.buffer) },
    ...[bounds('first', 0), bounds('end', empty), bounds('last axis', 2)],
  );
  graph.node.push(
    { opType: 'Slice', name: 'digits', input: ['output', 'first', 'end', 'last axis'], output: ['digits'] },
    {
      opType: 'Concat',
      name: 'candidates',
      input: ['corners', 'digits'],
      output: ['candidates'],
      attribute: [{ name: 'axis', type: 2, i: 2 }],
    },
  );
  const dims = (...sizes: number[]) => ({ dim: sizes.map((dimValue) => ({ dimValue })) });
  graph.input = [{ name: 'input', type: { tensorType: { elemType: float32, shape: dims(1, 1, side, side) } } }];
  graph.output = [
    { name: 'candidates', type: { tensorType: { elemType: float32, shape: dims(1, cells, 4 + empty) } } },
  ];
  return model;
}
