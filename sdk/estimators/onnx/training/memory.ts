import { OnnxError } from '../errors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Slot, StepGraph } from './step-graph.ts';

const FLOAT = Float32Array.BYTES_PER_ELEMENT;
const MIB = 1024 * 1024;
/** Of the memory that is free, by default. */
const SHARE = 0.8;

/** Copies of what trains: the model's own, its graph, the two between which steps alternate, the result. */
const WEIGHT_COPIES = 5;
/** Copies of what stays: the model's own, its graph, the step's bytes, the runtime's. */
const CONSTANT_COPIES = 4;
/** The gradient, and values of its size that an update computes on its way. */
const UPDATE_COPIES = 5;
/** What the forward pass keeps, gradients of the same size, and scratch space of convolutions: measured on CNNs. */
const ACTIVATION_FACTOR = 2.5;
/** The runtime itself, loaded and with its threads. */
const RUNTIME = 64 * MIB;

/** Bytes that a training needs beyond its samples, estimated from the graph of one step; most often a little high. */
export interface MemoryEstimate {
  /** Weights and running statistics, those that stay included, in all their copies. */
  weights: number;
  /** Optimizer state, accumulated gradients and starting weights, twice: a step writes a new copy while it reads the old one. */
  optimizer: number;
  /** Gradients of the weights and what updates compute from them. */
  gradients: number;
  /** What the forward and backward pass of the largest batch keep. */
  activations: number;
  /** Of the runtime, whatever the model. */
  runtime: number;
  total: number;
}

export function estimateMemory(step: StepGraph): MemoryEstimate {
  const trained = bytesOf(step.parameters);
  const parts = {
    weights: WEIGHT_COPIES * (trained + bytesOf(step.buffers)) + CONSTANT_COPIES * step.constantBytes,
    optimizer: 2 * (bytesOf(step.state) + bytesOf(step.accumulated) + bytesOf(step.starts)),
    gradients: UPDATE_COPIES * trained,
    activations:
      ACTIVATION_FACTOR * step.activationBytes + FLOAT * (sizeOf(step.input.shape) + sizeOf(step.target.shape)),
    runtime: RUNTIME,
  };
  return { ...parts, total: Object.values(parts).reduce((sum, bytes) => sum + bytes, 0) };
}

/** Most of what is free for this process, container limits included. */
export function defaultMemoryLimit(): number {
  return Math.floor(SHARE * process.availableMemory());
}

/** Refuses a training that would need more than the limit, before anything is allocated. */
export function requireMemory(estimate: MemoryEstimate, limit: number, batchSize: number): void {
  if (estimate.total <= limit) return;
  const perRow = estimate.activations / batchSize;
  const fits = Math.floor((limit - (estimate.total - estimate.activations)) / perRow);
  const help =
    fits >= 1
      ? `a batchSize up to ${fits} would fit (now ${batchSize}; accumulate keeps the update's size)`
      : 'even one row per step would not fit; take a smaller model, freeze layers or an optimizer with less state';
  throw new OnnxError(
    'NotEnoughMemory',
    `training needs about ${mib(estimate.total)} (weights ${mib(estimate.weights)}, optimizer ${mib(estimate.optimizer)}, ` +
      `gradients ${mib(estimate.gradients)}, activations ${mib(estimate.activations)}, runtime ${mib(estimate.runtime)}), the limit is ${mib(limit)}: ${help}`,
  );
}

function bytesOf(slots: readonly Slot[]): number {
  return slots.reduce((sum, { shape }) => sum + FLOAT * sizeOf(shape), 0);
}

function mib(bytes: number): string {
  return bytes < MIB ? `${Math.ceil(bytes / 1024)} KiB` : `${Math.ceil(bytes / MIB)} MiB`;
}
