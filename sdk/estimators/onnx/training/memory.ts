import { OnnxError } from '../errors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Slot, StepGraph } from './step-graph.ts';

const FLOAT = Float32Array.BYTES_PER_ELEMENT;
const MIB = 1024 * 1024;
/** Of the memory that is free, by default. */
const SHARE = 0.8;

/** Bytes that a training needs beyond its samples, estimated from the graph of one step. */
export interface MemoryEstimate {
  /** Weights and running statistics, twice: a step writes a new copy while it reads the old one. */
  weights: number;
  /** Optimizer state and accumulated gradients, twice. */
  optimizer: number;
  /** Of the largest batch: what the forward pass keeps for the backward pass, and gradients of the same sizes. */
  activations: number;
  /** Gradients of the weights. */
  gradients: number;
  total: number;
}

export function estimateMemory(step: StepGraph): MemoryEstimate {
  const trained = bytesOf(step.parameters);
  const weights = 2 * (trained + bytesOf(step.buffers));
  const optimizer = 2 * (bytesOf(step.state) + bytesOf(step.accumulated));
  const batch = FLOAT * (sizeOf(step.input.shape) + sizeOf(step.target.shape));
  const activations = 2 * step.activationBytes + batch;
  return { weights, optimizer, activations, gradients: trained, total: weights + optimizer + activations + trained };
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
      `gradients ${mib(estimate.gradients)}, activations ${mib(estimate.activations)}), the limit is ${mib(limit)}: ${help}`,
  );
}

function bytesOf(slots: readonly Slot[]): number {
  return slots.reduce((sum, { shape }) => sum + FLOAT * sizeOf(shape), 0);
}

function mib(bytes: number): string {
  return bytes < MIB ? `${Math.ceil(bytes / 1024)} KiB` : `${Math.ceil(bytes / MIB)} MiB`;
}
