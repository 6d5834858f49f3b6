import { analyse } from '../autodiff/forward.ts';
import type { Forward, ForwardOptions } from '../autodiff/forward.ts';
import { assertDifferentiable, backpropagate } from '../autodiff/backward.ts';
import { OnnxError } from '../errors.ts';
import { TRAINING_IR_VERSION, liftNodes } from '../graph/opset.ts';
import type { Shape } from '../graph/shape.ts';
import { tensorShape } from '../graph/tensors.ts';
import { GraphWriter, valueInfo } from '../graph/writer.ts';
import type { Loss, LossNodes } from '../losses/loss.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import { encodeModel } from '../proto/codec.ts';
import { toNumber } from '../proto/types.ts';
import type { ModelProto, NodeProto } from '../proto/types.ts';

/** A tensor that goes into a step and comes out of it renewed. */
export interface Slot {
  /** Graph input. */
  name: string;
  /** Graph output with the next value. */
  next: string;
  shape: Shape;
}

/** A training (or evaluation) step as a plain ONNX model: one `run` per step. */
export interface StepGraph {
  bytes: Uint8Array;
  input: { name: string; shape: Shape };
  /** Targets, float32 in the shape of the model's output. */
  target: { name: string; shape: Shape };
  /** Scalar outputs. */
  loss: string;
  correct?: string;
  /** Scalar inputs; absent from evaluation graphs. */
  scalars?: { learningRate: string; step: string };
  /** Weights, in the order of the model's initializers. `next` equals `name` in evaluation graphs. */
  parameters: Slot[];
  /** Optimizer state, by parameter then by slot of the optimizer. */
  state: Slot[];
}

export interface StepRequest extends ForwardOptions {
  model: ModelProto;
  loss: Loss;
  /** Left out: the graph only evaluates. */
  optimizer?: Optimizer;
}

/** Emits forward, loss, and (with an optimizer) backward and update nodes. Refuses by name what cannot be trained. */
export function buildStep(request: StepRequest): StepGraph {
  const { model, loss, optimizer } = request;
  const forward = analyse(model, request);
  loss.check(forward.output.shape);
  if (optimizer) requireTrainable(forward);

  const writer = new GraphWriter(forward.shapes.keys());
  const target = writer.fresh('training/target');
  const nodes = loss.emit({ forward, writer, target, backward: optimizer !== undefined });
  const updates = optimizer && emitUpdates({ forward, writer, nodes, optimizer });
  const parameters =
    updates?.parameters ?? forward.parameters.map((tensor) => evaluationSlot(tensor.name ?? '', tensor));
  const step: Omit<StepGraph, 'bytes'> = {
    input: forward.input,
    target: { name: target, shape: forward.output.shape },
    loss: nodes.loss,
    correct: nodes.correct,
    scalars: updates?.scalars,
    parameters,
    state: updates?.state ?? [],
  };
  return { ...step, bytes: encodeModel(assemble(forward, writer, step)) };
}

function requireTrainable(forward: Forward): void {
  if (forward.parameters.length === 0) {
    throw new OnnxError(
      'InvalidModel',
      `output "${forward.output.name}" depends on no float32 initializer: nothing to train`,
    );
  }
  assertDifferentiable(forward);
}

interface UpdateParts {
  forward: Forward;
  writer: GraphWriter;
  nodes: LossNodes;
  optimizer: Optimizer;
}

function emitUpdates({ forward, writer, nodes, optimizer }: UpdateParts) {
  if (!nodes.seed) throw new OnnxError('InvalidOptions', 'the loss gave no gradient');
  const gradients = backpropagate(forward, writer, nodes.seed);
  const scalars = { learningRate: writer.fresh('training/learningRate'), step: writer.fresh('training/step') };
  const state: Slot[] = [];
  const parameters = forward.parameters.map((tensor): Slot => {
    const name = tensor.name ?? '';
    const shape = tensorShape(tensor);
    const gradient = gradients.get(name) ?? writer.emit('Mul', [name, writer.scalar(0)]);
    const inputs = Object.fromEntries(optimizer.slots.map((slot) => [slot, writer.fresh(`training/${name}/${slot}`)]));
    const next = optimizer.emit({ writer, parameter: name, gradient, state: inputs, ...scalars });
    for (const slot of optimizer.slots) {
      state.push({ name: inputs[slot] ?? '', next: next.state[slot] ?? '', shape });
    }
    return { name, next: next.parameter, shape };
  });
  return { scalars, state, parameters };
}

function evaluationSlot(name: string, tensor: Parameters<typeof tensorShape>[0]): Slot {
  return { name, next: name, shape: tensorShape(tensor) };
}

function assemble(forward: Forward, writer: GraphWriter, step: Omit<StepGraph, 'bytes'>): ModelProto {
  const slots = [...step.parameters, ...step.state];
  const trained = new Set(step.parameters.map(({ name }) => name));
  const used = new Set(forward.nodes.flatMap((node) => node.inputs));
  const own: NodeProto[] = forward.nodes.map((node) => node.proto);
  const opset = liftNodes(forward.model, own, (name) => forward.shapes.get(name)?.length ?? 0);
  const scalarInputs = step.scalars ? [step.scalars.learningRate, step.scalars.step] : [];
  const scalarOutputs = step.correct === undefined ? [step.loss] : [step.loss, step.correct];
  const outputs = step.scalars ? slots.map(({ next, shape }) => valueInfo(next, shape)) : [];
  return {
    irVersion: Math.max(toNumber(forward.model.irVersion), TRAINING_IR_VERSION),
    producerName: 'sedna',
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'training step',
      node: [...own, ...writer.nodes],
      initializer: [
        ...forward.model.graph.initializer.filter(({ name = '' }) => used.has(name) && !trained.has(name)),
        ...writer.initializers,
      ],
      input: [
        valueInfo(step.input.name, step.input.shape),
        valueInfo(step.target.name, step.target.shape),
        ...slots.map(({ name, shape }) => valueInfo(name, shape)),
        ...scalarInputs.map((name) => valueInfo(name, [])),
      ],
      output: [...scalarOutputs.map((name) => valueInfo(name, [])), ...outputs],
    },
  };
}
