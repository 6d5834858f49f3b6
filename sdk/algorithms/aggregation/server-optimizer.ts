import { rm } from 'node:fs/promises';
import { withTensors, type TensorFile } from '../../tensors/tensor-file.ts';
import { TensorWriter, type WrittenTensors } from '../../tensors/tensor-writer.ts';
import { elementwise } from './elementwise.ts';
import { AggregationError } from './errors.ts';
import type { Aggregate, AggregationRound } from './strategy.ts';
import { clientsOf, weightedMean } from './weighted-mean.ts';

/** One range of one tensor. `global` becomes the new weights; the slots, zeros at first, are kept for the next round. */
export interface OptimizerValues {
  global: Float64Array;
  /** Weighted mean of the updates. */
  mean: Float64Array;
  slots: Float64Array[];
}

/**
 * The mean of the updates as a step of an optimizer on the server (Reddi et al., 2021): two passes over files. The mean is kept as
 * the model's dtype, the slots in F64 in the state, as `<tensor>#<slot>`.
 */
export async function optimize(
  round: AggregationRound,
  slots: number,
  step: (values: OptimizerValues) => void,
): Promise<Aggregate> {
  const meanFile = `${round.out.model}.mean`;
  try {
    await weightedMean(round, meanFile);
    const written = await withTensors(meanFile, (mean) => move(round, { mean, slots, step }));
    return { ...written, used: clientsOf(round.updates), left: [], metrics: {} };
  } finally {
    await rm(meanFile, { force: true });
  }
}

interface Move {
  mean: TensorFile;
  slots: number;
  step: (values: OptimizerValues) => void;
}

async function move(round: AggregationRound, { mean, slots, step }: Move): Promise<Pick<Aggregate, 'model' | 'state'>> {
  const { global, out } = round;
  // One that keeps nothing may have kept something before an edit of its parameters.
  const kept = slots > 0 ? round.state : undefined;
  if (kept) checkState(kept, global, slots);
  const writers = [await TensorWriter.create(out.model, global.entries)];
  try {
    if (slots > 0) writers.push(await TensorWriter.create(out.state, stateLayout(global, slots)));
    await fill({ global, mean, state: kept, slots, writers }, step);
    const [model, state] = await finishAll(writers);
    return { model: model as WrittenTensors, ...(state ? { state } : {}) };
  } catch (error) {
    await Promise.all(writers.map((writer) => writer.abandon()));
    throw error;
  }
}

const slotName = (name: string, slot: number): string => `${name}#${slot}`;

const stateLayout = (global: TensorFile, slots: number) =>
  global.entries.flatMap(({ name, shape }) =>
    Array.from({ length: slots }, (_, slot) => ({ name: slotName(name, slot), dtype: 'F64' as const, shape })),
  );

function checkState(state: TensorFile, global: TensorFile, slots: number): void {
  const wanted = stateLayout(global, slots);
  const fits = wanted.every(({ name, shape }) => state.has(name) && state.entry(name).shape.join() === shape.join());
  if (fits && state.entries.length === wanted.length) return;
  throw new AggregationError(
    'StateMismatch',
    `${state.path}: is of another model or strategy; reset the job to round 0 to drop it`,
  );
}

async function finishAll(writers: readonly TensorWriter[]): Promise<WrittenTensors[]> {
  const written: WrittenTensors[] = [];
  for (const writer of writers) written.push(await writer.finish());
  return written;
}

interface Filling {
  global: TensorFile;
  mean: TensorFile;
  state: TensorFile | undefined;
  slots: number;
  writers: readonly TensorWriter[];
}

async function fill({ global, mean, state, slots, writers }: Filling, step: Move['step']): Promise<void> {
  const [model, kept] = writers;
  await elementwise({ global, mean }, global.entries, async ({ name, start, values }, put) => {
    const count = values.global.length;
    const held: Float64Array[] = [];
    for (let slot = 0; slot < slots; slot++) {
      held.push((await state?.floats(slotName(name, slot), start, count)) ?? new Float64Array(count));
    }
    step({ ...values, slots: held });
    await put(model as TensorWriter, { name, start }, values.global);
    for (const [slot, one] of held.entries()) {
      await put(kept as TensorWriter, { name: slotName(name, slot), start }, one);
    }
  });
}
