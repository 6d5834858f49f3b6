import { analyse } from '../autodiff/forward.ts';
import type { Forward, ForwardOptions } from '../autodiff/forward.ts';
import { assertDifferentiable, backpropagate } from '../autodiff/backward.ts';
import { lowerForward } from '../autodiff/lower.ts';
import type { Lowered } from '../autodiff/lower.ts';
import { OnnxError } from '../errors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import { tensorShape } from '../graph/tensors.ts';
import { GraphWriter } from '../graph/writer.ts';
import type { Loss, LossNodes } from '../losses/loss.ts';
import type { Optimizer } from '../optimizers/optimizer.ts';
import type { ModelProto } from '../proto/types.ts';
import { assemble } from './assemble.ts';
import { scaleToNorm } from './clip-norm.ts';
import { addProximal } from './proximal.ts';

/** A tensor that goes into a step and comes out of it renewed. */
export interface Slot {
  /** Graph input. */
  name: string;
  /** Graph output with the next value; equal to `name` if the step only reads it. */
  next: string;
  shape: Shape;
}

/** Names of the scalar inputs of a step; those that it does not need are absent. */
export interface StepScalars {
  learningRate?: string;
  /** Number of the update, from 1. */
  step?: string;
  /** Share of this batch's rows in all rows of the update, when gradients are accumulated. */
  share?: string;
  /** int32 seed of what is drawn in the step. */
  seed?: string;
}

/** A training (or evaluation) step as a plain ONNX model: one `run` per step. */
export interface StepGraph {
  bytes: Uint8Array;
  input: { name: string; shape: Shape; elemType: number };
  /** Targets, float32 in the shape of the model's output. */
  target: { name: string; shape: Shape };
  /** Scalar outputs. */
  loss: string;
  correct?: string;
  /** Scalar inputs; absent from evaluation graphs. */
  scalars?: StepScalars;
  /** Weights that train, in the order of the model's initializers. */
  parameters: Slot[];
  /** Running statistics. */
  buffers: Slot[];
  /** Optimizer state, by parameter then by slot of the optimizer. */
  state: Slot[];
  /** Sums of gradients over the batches of one update, by parameter. */
  accumulated: Slot[];
  /** Weights that the training began with, by parameter; read by the proximal term, absent without it. */
  starts: Slot[];
  /** Bytes of everything that the forward pass computes. */
  activationBytes: number;
  /** Bytes of the initializers that stay as they are. */
  constantBytes: number;
}

/**
 * What a training step does with its gradients: update the weights at once; add them up; or add them to those that were added
 * up before and update with the sum.
 */
export type StepPhase = 'update' | 'accumulate' | 'apply';

export interface StepRequest extends ForwardOptions {
  model: ModelProto;
  loss: Loss;
  /** Left out: the graph only evaluates. */
  optimizer?: Optimizer;
  /** Default 'update'. */
  phase?: StepPhase;
  /** Largest Euclidean norm of all gradients together; longer ones are scaled down. */
  clipNorm?: number;
  /** Weight of the proximal term mu/2 |w - w_start|². Default 0: none. */
  mu?: number;
}

/** Emits forward, loss, and (with an optimizer) backward and update nodes. Refuses by name what cannot be trained. */
export function buildStep(request: StepRequest): StepGraph {
  const { model, loss, optimizer } = request;
  const forward = analyse(model, request);
  loss.check(forward.output.shape);
  if (optimizer) requireTrainable(forward);

  const writer = new GraphWriter(forward.shapes.keys());
  const target = writer.fresh('training/target');
  const lowered = lowerForward(forward, writer, optimizer !== undefined);
  const nodes = loss.emit({ forward, writer, target, backward: optimizer !== undefined });
  const step: Omit<StepGraph, 'bytes'> = {
    input: forward.input,
    target: { name: target, shape: forward.output.shape },
    loss: nodes.loss,
    correct: nodes.correct,
    parameters: forward.parameters.map((tensor) => readOnly(tensor)),
    buffers: forward.buffers.map((tensor) => readOnly(tensor, optimizer && lowered.renewed)),
    state: [],
    accumulated: [],
    starts: [],
    activationBytes: activationBytes(forward),
    constantBytes: constantBytes(forward),
    ...(optimizer && emitTraining({ forward, writer, nodes, lowered }, { ...request, optimizer })),
  };
  return { ...step, bytes: assemble(forward, writer, step) };
}

function requireTrainable(forward: Forward): void {
  if (forward.parameters.length === 0) {
    throw new OnnxError(
      'InvalidModel',
      `output "${forward.output.name}" depends on no float32 initializer that trains: nothing to train`,
    );
  }
  assertDifferentiable(forward);
}

interface EmittedStep {
  forward: Forward;
  writer: GraphWriter;
  nodes: LossNodes;
  lowered: Lowered;
}

type TrainingRequest = StepRequest & { optimizer: Optimizer };
type TrainingParts = Pick<StepGraph, 'scalars' | 'state' | 'parameters' | 'accumulated' | 'starts'>;

/** Backward pass, then what the phase does with the gradients. */
function emitTraining({ forward, writer, nodes, lowered }: EmittedStep, request: TrainingRequest): TrainingParts {
  if (!nodes.seed) throw new OnnxError('InvalidOptions', 'the loss gave no gradient');
  const found = backpropagate({ forward, writer, saved: lowered.saved, seed: nodes.seed });
  const phase = request.phase ?? 'update';
  const scalars: StepScalars = lowered.seed === undefined ? {} : { seed: lowered.seed };
  const gradients = forward.parameters.map(({ name = '' }) => found.get(name) ?? zeroLike(writer, name));
  const parameters = forward.parameters.map((tensor) => readOnly(tensor));
  if (phase === 'update')
    return { ...emitUpdates(writer, { parameters, gradients, scalars }, request), accumulated: [] };

  const share = writer.fresh('training/share');
  const accumulated = parameters.map(({ name, shape }): Slot => {
    const sum = writer.fresh(`training/${name}/accumulated`);
    return { name: sum, next: sum, shape };
  });
  const sums = gradients.map((gradient, i) =>
    writer.emit('Add', [accumulated[i]?.name ?? '', writer.emit('Mul', [gradient, share])]),
  );
  if (phase === 'accumulate') {
    const grown = accumulated.map((slot, i) => ({ ...slot, next: sums[i] ?? '' }));
    return { scalars: { ...scalars, share }, state: [], parameters, accumulated: grown, starts: [] };
  }
  const parts = { parameters, gradients: sums, scalars: { ...scalars, share } };
  return { ...emitUpdates(writer, parts, request), accumulated };
}

interface UpdateParts {
  parameters: Slot[];
  /** By parameter. */
  gradients: string[];
  scalars: StepScalars;
}

function emitUpdates(writer: GraphWriter, parts: UpdateParts, { optimizer, clipNorm, mu = 0 }: TrainingRequest) {
  // The term does not depend on the batch, so it comes once per update; clipping is of the whole objective's gradient.
  const whole = mu === 0 ? { gradients: parts.gradients, starts: [] } : addProximal(writer, parts, mu);
  const gradients = clipNorm === undefined ? whole.gradients : scaleToNorm(writer, whole.gradients, clipNorm);
  const [learningRate, step] = [writer.fresh('training/learningRate'), writer.fresh('training/step')];
  const state: Slot[] = [];
  const parameters = parts.parameters.map(({ name, shape }, i): Slot => {
    const inputs = Object.fromEntries(optimizer.slots.map((slot) => [slot, writer.fresh(`training/${name}/${slot}`)]));
    const gradient = gradients[i] ?? '';
    const next = optimizer.emit({ writer, parameter: name, gradient, state: inputs, learningRate, step });
    for (const slot of optimizer.slots) {
      state.push({ name: inputs[slot] ?? '', next: next.state[slot] ?? '', shape });
    }
    return { name, next: next.parameter, shape };
  });
  return { scalars: { ...parts.scalars, learningRate, step }, state, parameters, starts: whole.starts };
}

function zeroLike(writer: GraphWriter, name: string): string {
  return writer.emit('Mul', [name, writer.scalar(0)]);
}

type Tensor = Parameters<typeof tensorShape>[0];

function readOnly(tensor: Tensor, renewed?: ReadonlyMap<string, string>): Slot {
  const name = tensor.name ?? '';
  return { name, next: renewed?.get(name) ?? name, shape: tensorShape(tensor) };
}

function constantBytes({ model, parameters, buffers }: Forward): number {
  const renewed = new Set([...parameters, ...buffers]);
  const fixed = model.graph.initializer.filter((tensor) => !renewed.has(tensor));
  return fixed.reduce((sum, tensor) => sum + sizeOf(tensorShape(tensor)) * Float32Array.BYTES_PER_ELEMENT, 0);
}

function activationBytes(forward: Forward): number {
  const values = forward.nodes.flatMap((node) => node.outputs.map((name) => forward.shapes.get(name)));
  return values.reduce((sum, shape) => sum + (shape ? sizeOf(shape) * Float32Array.BYTES_PER_ELEMENT : 0), 0);
}
