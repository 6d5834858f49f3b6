import { OnnxError } from '../errors.ts';
import { looksConstant } from '../graph/constants.ts';
import { liftInputs } from '../graph/lift-inputs.ts';
import { liftWindows } from '../graph/lift-windows.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import { findOperator } from '../operators/registry.ts';
import { constantTensor } from '../operators/constant.ts';
import { DataType, toNumber } from '../proto/types.ts';
import type { ModelProto, NodeProto, TensorProto, ValueInfoProto } from '../proto/types.ts';
import { Knowledge } from './knowledge.ts';
import type { NodeView, Operator } from './operator.ts';

export interface ForwardOptions {
  /** Rows per step; takes the place of the first dimension of the input. */
  batch: number;
  /** Which graph input is fed with samples. Needed only if the graph has several. */
  input?: string;
  /** Which graph output the loss looks at. Default: the first. */
  output?: string;
  /** Shape of one sample, needed where the graph leaves dimensions open. */
  sampleShape?: Shape;
  /** Whether the initializer of this name stays as it is. Default: none does. */
  frozen?: (name: string) => boolean;
  /** Whether an initializer that looks like a constant of the graph (rank 0) trains after all. Default: none does. */
  trainsScalar?: (name: string) => boolean;
}

/** A forward graph for one batch size: the nodes that lead to the output, in order, and every shape. */
export interface Forward {
  readonly model: ModelProto;
  readonly batch: number;
  readonly input: { name: string; shape: Shape; elemType: number };
  readonly output: { name: string; shape: Shape };
  readonly nodes: readonly NodeView[];
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Initializers and Constant nodes by value name. */
  readonly constants: ReadonlyMap<string, TensorProto>;
  /** Float32 initializers that the output depends on, neither frozen nor fixed by their operators: what trains. */
  readonly parameters: readonly TensorProto[];
  /** Float32 initializers that a training step may renew without a gradient: running statistics that are not frozen. */
  readonly buffers: readonly TensorProto[];
  readonly frozen: (name: string) => boolean;
}

/** Resolves shapes of everything between the input and the output. Refuses, by name, what cannot be understood. */
export function analyse(source: ModelProto, options: ForwardOptions): Forward {
  const input = chooseInput(source, options);
  const output = chooseOutput(source, options.output);
  const model = liftWindows(liftInputs(source));
  const { graph } = model;
  const knowledge = new Knowledge(graph.initializer);
  knowledge.setShape(input.name, input.shape);
  const nodes: NodeView[] = [];
  for (const proto of nodesLeadingTo(graph.node, output)) {
    const node = knowledge.view(proto);
    const operator = findOperator(node);
    const inferred = operator.infer(node);
    node.outputs.forEach((name, i) => name && inferred[i] && knowledge.setShape(name, inferred[i]));
    const constant = constantTensor(proto);
    if (constant) knowledge.setConstant(proto.output[0] ?? '', constant);
    else knowledge.setValues(proto.output[0] ?? '', operator.fold?.(node));
    nodes.push(node);
  }
  const outputShape = knowledge.shapes.get(output);
  if (!outputShape) throw new OnnxError('InvalidModel', `graph output "${output}" is not produced by any node`);
  return {
    model,
    batch: options.batch,
    input,
    output: { name: output, shape: outputShape },
    nodes,
    shapes: knowledge.shapes,
    constants: knowledge.constants,
    parameters: trainable(graph.initializer, nodes, options),
    buffers: renewable(graph.initializer, nodes, options),
    frozen: options.frozen ?? (() => false),
  };
}

const INPUT_TYPES: ReadonlySet<number> = new Set([DataType.float32, DataType.int32, DataType.int64]);

/** Inputs that must be fed: older models list initializers among the inputs too. */
export function dataInputs(model: ModelProto): ValueInfoProto[] {
  const given = new Set(model.graph.initializer.map((tensor) => tensor.name));
  return model.graph.input.filter((input) => !given.has(input.name));
}

function chooseInput(model: ModelProto, options: ForwardOptions): Forward['input'] {
  const inputs = dataInputs(model);
  const names = inputs.map((input) => `"${input.name}"`).join(', ');
  const chosen = options.input === undefined ? inputs[0] : inputs.find(({ name }) => name === options.input);
  if (!chosen) {
    throw new OnnxError(
      'InvalidOptions',
      `option input: the model has no input "${options.input}", only ${names || 'none'}`,
    );
  }
  if (inputs.length > 1) {
    throw new OnnxError(
      'InvalidModel',
      `the model has several inputs (${names}); models with one input can be trained`,
    );
  }
  const tensor = chosen.type?.tensorType;
  const elemType = tensor?.elemType ?? 0;
  if (!INPUT_TYPES.has(elemType)) {
    throw new OnnxError(
      'InvalidModel',
      `input "${chosen.name}" has element type ${elemType}, expected float32 (1), int32 (6) or int64 (7)`,
    );
  }
  const declared = tensor?.shape?.dim?.slice(1).map((dim) => toNumber(dim.dimValue));
  const shape = [options.batch, ...sampleShape(chosen.name, declared, options.sampleShape)];
  return { name: chosen.name, shape, elemType };
}

function sampleShape(name: string, declared: Shape | undefined, given: Shape | undefined): Shape {
  const fits = !declared || !given || sizeOf(declared) === sizeOf(given) || sizeOf(declared) === 0;
  if (declared && sizeOf(declared) > 0 && fits) return declared;
  if (given && fits) return given;
  throw new OnnxError(
    'InvalidSamples',
    given
      ? `samples have shape [${given}], input "${name}" of the model takes [${declared}]`
      : `input "${name}" leaves its shape open ([${declared ?? '?'}]); samples must say it`,
  );
}

function chooseOutput(model: ModelProto, wanted: string | undefined): string {
  const names = model.graph.output.map(({ name }) => name);
  const chosen = wanted ?? names[0] ?? '';
  if (names.includes(chosen)) return chosen;
  throw new OnnxError('InvalidOptions', `option output: the model has no output "${chosen}", only ${names.join(', ')}`);
}

/** Drops nodes that the output does not need, and checks the order that ONNX demands. */
function nodesLeadingTo(nodes: readonly NodeProto[], output: string): NodeProto[] {
  const needed = new Set([output]);
  const kept: NodeProto[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.output.some((name) => needed.has(name))) continue;
    node.input.forEach((name) => name && needed.add(name));
    kept.push(node);
  }
  return kept.reverse();
}

function trainable(
  initializers: readonly TensorProto[],
  nodes: readonly NodeView[],
  { frozen, trainsScalar }: ForwardOptions,
): TensorProto[] {
  const used = inputsWhere(nodes, ({ fixed }, i) => !fixed?.includes(i));
  return initializers.filter((tensor) => {
    const { name = '', dataType } = tensor;
    if (dataType !== DataType.float32 || !used.has(name) || frozen?.(name)) return false;
    return !looksConstant(tensor) || (trainsScalar?.(name) ?? false);
  });
}

function renewable(
  initializers: readonly TensorProto[],
  nodes: readonly NodeView[],
  { frozen }: ForwardOptions,
): TensorProto[] {
  const used = inputsWhere(nodes, ({ renewed }, i) => renewed?.includes(i) ?? false);
  return initializers.filter(({ name = '' }) => used.has(name) && !frozen?.(name));
}

function inputsWhere(nodes: readonly NodeView[], choose: (operator: Operator, index: number) => boolean): Set<string> {
  return new Set(
    nodes.flatMap((node) => {
      const operator = findOperator(node);
      return node.inputs.filter((_, i) => choose(operator, i));
    }),
  );
}
