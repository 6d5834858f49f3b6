import { OnnxError } from '../errors.ts';

/** How the learning rate goes over the updates of a training. */
export type ScheduleOptions = {
  /** Updates at the start in which the rate grows evenly up to `optimizer.learningRate`. Default 0. */
  warmupSteps?: number;
} & (
  | { name: 'constant' }
  /** Multiplied by `factor` (default 0.1) after every `everySteps` updates. */
  | { name: 'step'; everySteps: number; factor?: number }
  /** Half a cosine (Loshchilov and Hutter, 2017, without restarts) down to `minimum` (default 0) at `totalSteps` (default: the end). */
  | { name: 'cosine'; totalSteps?: number; minimum?: number }
  /** A straight line down to `minimum` (default 0) at `totalSteps` (default: the end). */
  | { name: 'linear'; totalSteps?: number; minimum?: number }
);

export type Schedule = (update: number) => number;

const SHAPES: Record<string, (share: number) => number> = {
  cosine: (share) => (1 + Math.cos(Math.PI * share)) / 2,
  linear: (share) => 1 - share,
};

/** The learning rate by update, counted from 0. `total`: updates of the whole training. */
export function makeSchedule(options: ScheduleOptions, base: number, total: number): Schedule {
  const { warmupSteps = 0 } = options;
  requireSteps('warmupSteps', warmupSteps, 0);
  const after = afterWarmup(options, base, total);
  return (update) => (update < warmupSteps ? (base * (update + 1)) / warmupSteps : after(update - warmupSteps));
}

function afterWarmup(options: ScheduleOptions, base: number, total: number): Schedule {
  if (options.name === 'constant') return () => base;
  if (options.name === 'step') {
    const { everySteps, factor = 0.1 } = options;
    requireSteps('everySteps', everySteps, 1);
    requireRange('factor', factor, 0, 1);
    return (update) => base * factor ** Math.floor(update / everySteps);
  }
  const shape = SHAPES[options.name];
  if (!shape) {
    const { name } = options as { name: string };
    throw new OnnxError(
      'InvalidOptions',
      `option schedule.name: "${name}" is unknown; known: constant, cosine, linear, step`,
    );
  }
  const { totalSteps = total, minimum = 0, warmupSteps = 0 } = options;
  requireSteps('totalSteps', totalSteps, 1);
  requireRange('minimum', minimum, 0, base);
  const span = Math.max(1, totalSteps - warmupSteps);
  return (update) => minimum + (base - minimum) * shape(Math.min(1, update / span));
}

function requireSteps(name: string, value: number, low: number): void {
  if (Number.isInteger(value) && value >= low) return;
  throw new OnnxError('InvalidOptions', `option schedule.${name}: ${value} is not a whole number from ${low} up`);
}

function requireRange(name: string, value: number, low: number, high: number): void {
  if (Number.isFinite(value) && value >= low && value <= high) return;
  throw new OnnxError('InvalidOptions', `option schedule.${name}: ${value} is not in [${low}, ${high}]`);
}
