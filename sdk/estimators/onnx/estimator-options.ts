import type { TrainSettings } from '../estimator.ts';
import { OnnxError } from './errors.ts';
import { matchesAny } from './globs.ts';
import type { LossName } from './losses/registry.ts';
import type { ClassOptions } from './losses/softmax-cross-entropy.ts';
import type { OptimizerOptions } from './optimizers/registry.ts';
import type { ModelProto } from './proto/types.ts';
import { checkEarlyStopping } from './training/early-stopping.ts';
import type { EarlyStoppingOptions } from './training/early-stopping.ts';
import { makeSchedule } from './training/schedule.ts';
import type { ScheduleOptions } from './training/schedule.ts';

export interface OnnxEstimatorOptions extends ClassOptions {
  /** Bytes of an `.onnx` file, its path (read on first use), or a graph from the builder. */
  model: Uint8Array | string | ModelProto;
  loss: LossName;
  optimizer: OptimizerOptions;
  /** Of the learning rate over updates. Default: constant. */
  schedule?: ScheduleOptions;
  /** Largest Euclidean norm of all gradients together; longer ones are scaled down. Default: none. */
  clipNorm?: number;
  /** Passes over the samples. Default 1. */
  epochs?: number;
  /** Rows per step. Default 32. */
  batchSize?: number;
  /** Batches per update: the update is that of one batch of `accumulate` x `batchSize` rows in the memory of one batch. Default 1. */
  accumulate?: number;
  /** Ends training when a metric no longer improves. Default: after `epochs`. */
  earlyStopping?: EarlyStoppingOptions;
  /** Globs ("features.*") of initializers that stay as they are. Batch normalisations among them keep their statistics too. */
  freeze?: readonly string[];
  /** Globs of rank-0 initializers that train. Default none: exporters write the constants of a graph as such. */
  trainScalars?: readonly string[];
  /** Of the order of samples and of Dropout. Default 0. */
  seed?: number;
  /** Threads of the runtime. Default: what this process may use, container limits included. Results are reproducible for the same number. */
  threads?: number;
  /** Execution providers in order of preference; the CPU takes over where none works. Default ['cpu']. */
  providers?: readonly string[];
  /** What a training may need beyond its samples, in bytes; one that needs more is refused. Default: 80 % of what is free. */
  memoryLimitBytes?: number;
  /** Graph input and output to train on. Defaults: the only input, the first output. */
  input?: string;
  output?: string;
  /** How often `train` renews its checkpoint, if it has one. Default every 10 seconds. */
  checkpointEvery?: { seconds?: number; steps?: number };
}

const DEFAULTS = {
  epochs: 1,
  batchSize: 32,
  accumulate: 1,
  seed: 0,
  checkpointEvery: { seconds: 10 } as { seconds?: number; steps?: number },
  schedule: { name: 'constant' } as ScheduleOptions,
  providers: ['cpu'] as readonly string[],
};

export type ResolvedOptions = OnnxEstimatorOptions & typeof DEFAULTS;

/** Fills in defaults; refuses, with the option's path, what makes no sense. */
export function resolveOptions(options: OnnxEstimatorOptions): ResolvedOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const resolved = { ...DEFAULTS, ...(given as unknown as OnnxEstimatorOptions) } as ResolvedOptions;
  for (const name of ['epochs', 'batchSize', 'accumulate'] as const) requireWhole(name, resolved[name]);
  if (options.threads !== undefined) requireWhole('threads', options.threads);
  requireSeed(resolved.seed);
  const { seconds, steps } = resolved.checkpointEvery;
  if (seconds !== undefined) requireFromZero('checkpointEvery.seconds', seconds);
  if (steps !== undefined) requireWhole('checkpointEvery.steps', steps);
  for (const name of ['clipNorm', 'memoryLimitBytes'] as const) requireAboveZero(name, options[name]);
  if (options.earlyStopping) checkEarlyStopping(options.earlyStopping);
  makeSchedule(resolved.schedule, options.optimizer.learningRate, 1);
  return resolved;
}

/** Options with the settings of one training in their place; refuses, with the setting's name, what makes no sense. */
export function withSettings(options: ResolvedOptions, settings: TrainSettings): ResolvedOptions & { mu: number } {
  const { epochs = options.epochs, batchSize = options.batchSize, mu = 0 } = settings;
  const { learningRate = options.optimizer.learningRate } = settings;
  requireWhole('settings.epochs', epochs);
  requireWhole('settings.batchSize', batchSize);
  requireAboveZero('settings.learningRate', learningRate);
  requireFromZero('settings.mu', mu);
  return { ...options, epochs, batchSize, mu, optimizer: { ...options.optimizer, learningRate } };
}

/** Which initializers stay, and which scalars train. */
export function selection({ freeze = [], trainScalars = [] }: OnnxEstimatorOptions) {
  return {
    frozen: (name: string) => matchesAny(name, freeze),
    trainsScalar: (name: string) => matchesAny(name, trainScalars),
  };
}

/** Of which the lower 32 bits count. */
export function requireSeed(seed: number): void {
  if (Number.isSafeInteger(seed)) return;
  throw new OnnxError('InvalidOptions', `option seed: ${seed} is not a whole number`);
}

function requireAboveZero(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isFinite(value) && value > 0)) return;
  throw new OnnxError('InvalidOptions', `option ${name}: ${value} is not a number above 0`);
}

function requireFromZero(name: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw new OnnxError('InvalidOptions', `option ${name}: ${value} is not a number from 0 up`);
}

function requireWhole(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new OnnxError('InvalidOptions', `option ${name}: ${value} is not a whole number above 0`);
}
