import { OnnxError } from '../errors.ts';
import { readInts, tensorShape } from '../graph/tensors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import { findOperator } from '../operators/registry.ts';
import { constantTensor } from '../operators/constant.ts';
import { DataType, toNumber } from '../proto/types.ts';
import type { ModelProto, NodeProto, TensorProto, ValueInfoProto } from '../proto/types.ts';
import type { NodeView } from './operator.ts';

export interface ForwardOptions {
  /** Rows per step; takes the place of the first dimension of the input. */
  batch: number;
  /** Which graph input is fed with samples. Needed only if the graph has several. */
  input?: string;
  /** Which graph output the loss looks at. Default: the first. */
  output?: string;
  /** Shape of one sample, needed where the graph leaves dimensions open. */
  sampleShape?: Shape;
}

/** A forward graph for one batch size: the nodes that lead to the output, in order, and every shape. */
export interface Forward {
  readonly model: ModelProto;
  readonly batch: number;
  readonly input: { name: string; shape: Shape };
  readonly output: { name: string; shape: Shape };
  readonly nodes: readonly NodeView[];
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Initializers and Constant nodes by value name. */
  readonly constants: ReadonlyMap<string, TensorProto>;
  /** Float32 initializers that the output depends on: what trains. */
  readonly parameters: readonly TensorProto[];
}

/** Resolves shapes of everything between the input and the output. Refuses, by name, what cannot be understood. */
export function analyse(model: ModelProto, options: ForwardOptions): Forward {
  const { graph } = model;
  const input = chooseInput(model, options);
  const output = chooseOutput(model, options.output);
  const constants = new Map(graph.initializer.map((tensor) => [tensor.name ?? '', tensor]));
  const shapes = new Map<string, Shape>([[input.name, input.shape]]);
  for (const [name, tensor] of constants) shapes.set(name, tensorShape(tensor));

  const nodes: NodeView[] = [];
  for (const proto of nodesLeadingTo(graph.node, output)) {
    const node = viewOf(proto, shapes, constants);
    const inferred = findOperator(node).infer(node);
    node.outputs.forEach((name, i) => name && inferred[i] && shapes.set(name, inferred[i]));
    const constant = constantTensor(proto);
    if (constant) constants.set(proto.output[0] ?? '', constant);
    nodes.push(node);
  }
  const outputShape = shapes.get(output);
  if (!outputShape) throw new OnnxError('InvalidModel', `graph output "${output}" is not produced by any node`);
  return {
    model,
    batch: options.batch,
    input,
    output: { name: output, shape: outputShape },
    nodes,
    shapes,
    constants,
    parameters: trainable(graph.initializer, nodes),
  };
}

/** Inputs that must be fed: older models list initializers among the inputs too. */
export function dataInputs(model: ModelProto): ValueInfoProto[] {
  const given = new Set(model.graph.initializer.map((tensor) => tensor.name));
  return model.graph.input.filter((input) => !given.has(input.name));
}

function chooseInput(model: ModelProto, options: ForwardOptions): { name: string; shape: Shape } {
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
  if (tensor?.elemType !== DataType.float32) {
    throw new OnnxError(
      'InvalidModel',
      `input "${chosen.name}" has element type ${tensor?.elemType}, expected float32 (1)`,
    );
  }
  const declared = tensor.shape?.dim?.slice(1).map((dim) => toNumber(dim.dimValue));
  return { name: chosen.name, shape: [options.batch, ...sampleShape(chosen.name, declared, options.sampleShape)] };
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

function trainable(initializers: readonly TensorProto[], nodes: readonly NodeView[]): TensorProto[] {
  const used = new Set(nodes.flatMap((node) => node.inputs));
  return initializers.filter((tensor) => tensor.dataType === DataType.float32 && used.has(tensor.name ?? ''));
}

function viewOf(
  source: NodeProto,
  shapes: ReadonlyMap<string, Shape>,
  constants: ReadonlyMap<string, TensorProto>,
): NodeView {
  // Lists are copied: a gradient may ask the node for one more output, and the model itself must stay as it is.
  const proto: NodeProto = { ...source, opType: source.opType, input: [...source.input], output: [...source.output] };
  const label = `${proto.opType} "${proto.name || proto.output[0]}"`;
  const refuse = (reason: string) => new OnnxError('InvalidModel', `${label}: ${reason}`);
  return {
    proto,
    label,
    inputs: proto.input,
    outputs: proto.output,
    refuse,
    inputShape(index) {
      const name = proto.input[index];
      const shape = name ? shapes.get(name) : undefined;
      if (!shape) throw refuse(`input ${index} ("${name ?? ''}") is missing or comes from no earlier node`);
      return shape;
    },
    intConstant(index) {
      const tensor = constants.get(proto.input[index] ?? '');
      if (!tensor)
        throw refuse(`input ${index} ("${proto.input[index] ?? ''}") must be constant to be trained through`);
      return readInts(tensor);
    },
  };
}
