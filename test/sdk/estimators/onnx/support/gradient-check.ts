import { expect } from '@jest/globals';
import { int, toProto } from '../../../../../sdk/estimators/onnx/graph/attributes.ts';
import type { Attributes } from '../../../../../sdk/estimators/onnx/graph/attributes.ts';
import { sizeOf } from '../../../../../sdk/estimators/onnx/graph/shape.ts';
import { floatTensor, intTensor, readFloats, tensorShape } from '../../../../../sdk/estimators/onnx/graph/tensors.ts';
import { valueInfo } from '../../../../../sdk/estimators/onnx/graph/writer.ts';
import { OnnxModel, Random, encodeModel } from '../../../../../sdk/estimators/onnx/index.ts';
import type { ModelProto, OnnxTensor } from '../../../../../sdk/estimators/onnx/index.ts';
import type { ForwardOptions } from '../../../../../sdk/estimators/onnx/autodiff/forward.ts';
import type { Loss } from '../../../../../sdk/estimators/onnx/losses/loss.ts';
import type { Optimizer } from '../../../../../sdk/estimators/onnx/optimizers/optimizer.ts';
import type { NodeProto, TensorProto } from '../../../../../sdk/estimators/onnx/proto/types.ts';
import { buildStep } from '../../../../../sdk/estimators/onnx/training/step-graph.ts';

/** Stride of the central difference: large enough for float32 outputs, small enough for smooth operators. */
const EPSILON = 1e-2;

/** loss = sum(output * target): its gradient at the output is the target, so each test checks one random direction. */
const projection: Loss = {
  name: 'projection',
  labels: 'values',
  check: () => undefined,
  emit({ forward, writer, target }) {
    const loss = writer.emit('ReduceSum', [writer.emit('Mul', [forward.output.name, target])]);
    return { loss, seed: { at: forward.output.name, gradient: target } };
  },
};

/** Gives the gradient itself as the next parameter. */
const expose: Optimizer = {
  name: 'expose',
  slots: [],
  emit: ({ writer, gradient }) => ({ parameter: writer.emit('Identity', [gradient]), state: {} }),
};

export interface Operand {
  shape: number[];
  data: Float32Array;
}

/** An input that does not train; 'none' leaves an optional one out. */
export type Extra = { ints: number[]; shape?: number[] } | { bools: number[]; shape: number[] } | Operand | 'none';

export interface OperatorCase {
  type: string;
  operands: Operand[];
  attributes?: Attributes;
  /** Further int64 input, as Reshape takes. */
  ints?: number[];
  /** Further inputs behind the operands, and one in front of them. */
  extra?: Extra[];
  lead?: Extra;
  /** Default 1; all of them count in the loss, one behind the other along this axis. */
  outputs?: { count: number; axis: number };
  /** Stride of the difference. */
  epsilon?: number;
}

export function normal(random: Random, shape: number[]): Operand {
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => random.normal()) };
}

/** Distinct values, 5 strides apart and none near zero: no maximum and no kink changes within a difference. */
export function distinct(random: Random, shape: number[]): Operand {
  const count = sizeOf(shape);
  const data = Float32Array.from(random.permutation(count), (k) => (k - count / 2 + 0.25) * 5 * EPSILON);
  return { shape, data };
}

/** Compares the emitted gradient of one operator with central differences, for every element of every operand. */
export async function checkOperator(one: OperatorCase): Promise<void> {
  const model = modelOf(one);
  const step = buildStep({ model, batch: 1, loss: projection, optimizer: expose, trainsScalar: () => true });
  expect(step.parameters).toHaveLength(one.operands.length);
  const target = normal(new Random(99), [...step.target.shape]);
  const forward = await OnnxModel.open(forwardOf(model));
  const unused = { unused: tensor({ shape: [1, 1], data: new Float32Array(1) }) };
  const analytic = await gradientsOf(step, model, unused, target);
  const feeds = parametersOf(model);
  const project = async () => {
    const { y } = await forward.run(feeds);
    return (y?.data as Float32Array).reduce((sum, value, i) => sum + value * (target.data[i] ?? 0), 0);
  };
  for (const [name, gradient] of analytic) {
    await compare(name, { gradient, feeds, value: project, epsilon: one.epsilon });
  }
  await forward.close();
}

function modelOf({ type, operands, attributes = {}, ints, extra = [], lead, outputs }: OperatorCase): ModelProto {
  const names = operands.map((_, i) => `operand${i}`);
  const further: Extra[] = ints ? [{ ints }, ...extra] : extra;
  const first = lead && fixedTensor('lead', lead);
  const behind = further.map((one, i) => fixedTensor(`extra${i}`, one));
  const fixed = [...behind, first];
  const count = outputs?.count ?? 1;
  const results = count === 1 ? ['y'] : Array.from({ length: count }, (_, i) => `y${i}`);
  const node: NodeProto[] = [
    // Float constants are Constant nodes: as initializers they would be parameters.
    ...fixed.flatMap((one) => (one?.dataType === 1 ? [constantNode(one)] : [])),
    {
      opType: type,
      name: 'node',
      input: [...(first ? ['lead'] : []), ...names, ...behind.map((one) => one?.name ?? '')],
      output: results,
      attribute: toProto(attributes),
    },
  ];
  if (outputs && count > 1) {
    node.push({
      opType: 'Concat',
      name: 'all',
      input: results,
      output: ['y'],
      attribute: toProto({ axis: int(outputs.axis) }),
    });
  }
  return {
    irVersion: 10,
    opsetImport: [{ version: 22 }],
    graph: {
      name: type,
      node,
      initializer: [
        ...operands.map(({ shape, data }, i) => floatTensor(names[i] ?? '', shape, data)),
        ...fixed.filter((one) => one !== undefined && one.dataType !== 1),
      ] as TensorProto[],
      input: [valueInfo('unused', ['N', 1])],
      output: [{ name: 'y' }],
    },
  };
}

function fixedTensor(name: string, extra: Extra): TensorProto | undefined {
  if (extra === 'none') return undefined;
  if ('ints' in extra) return intTensor(name, extra.shape ?? [extra.ints.length], extra.ints);
  if ('bools' in extra) return { name, dims: extra.shape, dataType: 9, rawData: Uint8Array.from(extra.bools) };
  return floatTensor(name, extra.shape, extra.data);
}

function constantNode(tensor: TensorProto): NodeProto {
  return {
    opType: 'Constant',
    input: [],
    output: [tensor.name ?? ''],
    attribute: [{ name: 'value', type: 4, t: tensor }],
  };
}

/**
 * Compares gradients with central differences of the loss that the training step itself gives: for operators that train in a
 * form of their own.
 */
export async function checkTrainingForm(model: ModelProto, loss: Loss, input: Operand, target: Operand): Promise<void> {
  const step = buildStep({ model, batch: input.shape[0] ?? 1, loss, optimizer: expose });
  const inputs = { [step.input.name]: tensor(input) };
  const analytic = await gradientsOf(step, model, inputs, target);
  const session = await OnnxModel.open(step.bytes);
  const feeds = { ...stepFeeds(step, model), ...inputs, [step.target.name]: tensor(target) };
  const lossOf = async () => (await session.run(feeds))[step.loss]?.data[0] as number;
  for (const [name, gradient] of analytic) await compare(name, { gradient, feeds, value: lossOf, epsilon: 2e-3 });
  await session.close();
}

/** Compares the gradient of a whole model's loss with central differences, for every parameter. */
export async function checkModel(
  model: ModelProto,
  loss: Loss,
  input: Operand,
  { frozen, ...target }: Operand & Pick<ForwardOptions, 'frozen'>,
): Promise<void> {
  const request = { model, batch: input.shape[0] ?? 1, loss, frozen };
  const step = buildStep({ ...request, optimizer: expose });
  const evaluation = buildStep(request);
  const analytic = await gradientsOf(step, model, { [step.input.name]: tensor(input) }, target);
  const forward = await OnnxModel.open(evaluation.bytes);
  const feeds: Record<string, OnnxTensor> = {
    ...stepFeeds(evaluation, model),
    [evaluation.input.name]: tensor(input),
    [evaluation.target.name]: tensor(target),
  };
  const lossOf = async () => (await forward.run(feeds))[evaluation.loss]?.data[0] as number;
  for (const [name, gradient] of analytic) await compare(name, { gradient, feeds, value: lossOf, epsilon: 2e-3 });
  await forward.close();
}

async function gradientsOf(
  step: ReturnType<typeof buildStep>,
  model: ModelProto,
  inputs: Record<string, OnnxTensor>,
  target: Operand,
): Promise<Map<string, Float32Array>> {
  const session = await OnnxModel.open(step.bytes);
  const results = await session.run({ ...stepFeeds(step, model), ...inputs, [step.target.name]: tensor(target) });
  await session.close();
  return new Map(step.parameters.map(({ name, next }) => [name, results[next]?.data as Float32Array]));
}

/** The model's own weights, and ones for the scalars. */
function stepFeeds(step: ReturnType<typeof buildStep>, model: ModelProto): Record<string, OnnxTensor> {
  const parameters = parametersOf(model);
  const { seed, ...scalars } = step.scalars ?? {};
  const feeds: Record<string, OnnxTensor> = {};
  for (const { name } of [...step.parameters, ...step.buffers]) feeds[name] = parameters[name] as OnnxTensor;
  for (const name of Object.values(scalars)) feeds[name] = tensor({ shape: [], data: Float32Array.of(1) });
  if (seed !== undefined) feeds[seed] = { datatype: 'int32', shape: [], data: Int32Array.of(1) };
  return feeds;
}

interface Comparison {
  gradient: Float32Array;
  feeds: Record<string, OnnxTensor>;
  value: () => Promise<number>;
  epsilon?: number;
}

async function compare(name: string, { gradient, feeds, value, epsilon = EPSILON }: Comparison): Promise<void> {
  const data = feeds[name]?.data as Float32Array;
  expect(gradient).toHaveLength(data.length);
  for (let i = 0; i < data.length; i++) {
    const kept = data[i] ?? 0;
    data[i] = kept + epsilon;
    const above = await value();
    data[i] = kept - epsilon;
    const numeric = (above - (await value())) / (2 * epsilon);
    data[i] = kept;
    const error = Math.abs((gradient[i] ?? NaN) - numeric);
    if (!(error <= 2e-3 * (1 + Math.abs(numeric)))) {
      throw new Error(`gradient of ${name}[${i}] is ${gradient[i]}, central difference ${numeric}`);
    }
  }
}

function forwardOf(model: ModelProto): Uint8Array {
  const { graph } = model;
  const floats = graph.initializer.filter(({ dataType }) => dataType === 1);
  return encodeModel({
    ...model,
    graph: {
      ...graph,
      initializer: graph.initializer.filter((one) => !floats.includes(one)),
      input: floats.map((one) => valueInfo(one.name ?? '', tensorShape(one))),
      output: [valueInfo('y', buildStep({ model, batch: 1, loss: projection, optimizer: expose }).target.shape)],
    },
  });
}

function parametersOf(model: ModelProto): Record<string, OnnxTensor> {
  const floats = model.graph.initializer.filter(({ dataType }) => dataType === 1);
  return Object.fromEntries(
    floats.map((one) => [one.name ?? '', tensor({ shape: tensorShape(one), data: readFloats(one) })]),
  );
}

function tensor({ shape, data }: Operand): OnnxTensor {
  return { datatype: 'float32', shape, data };
}
