import { readFile, rm } from 'node:fs/promises';
import { messageOf } from '../errors.ts';
import type { RandomState } from '../random.ts';
import { parseTensorFile, writeTensorFile } from './tensor-file.ts';
import type { BestSoFar } from './early-stopping.ts';
import type { TrainingState } from './state.ts';

/** Where a training stands. With weights and optimizer state it is all that is needed to go on bit by bit. */
export interface Position {
  /** Epochs completed. */
  epoch: number;
  /** Batches completed in the present epoch. */
  stepInEpoch: number;
  /** Optimizer updates in all. */
  step: number;
  /** Generator before the present epoch was shuffled. */
  random: RandomState;
  /** Sums over the rows of the present epoch. */
  lossSum: number;
  correctSum: number;
  /** Of the completed epochs. */
  metrics: Record<string, number[]>;
  /** Kept with early stopping. */
  best?: BestSoFar;
  /** No further epoch is to come. */
  stopped?: boolean;
}

const FORMAT = '2';

export async function writeCheckpoint(
  path: string,
  digest: string,
  position: Position,
  state: TrainingState,
): Promise<void> {
  const metadata = { format: FORMAT, digest, position: JSON.stringify(position) };
  await writeTensorFile(path, { metadata, tensors: new Map(state.entries()) });
}

/** The position to go on from, with the state filled in; or why training starts afresh (undefined: there is no file). */
export type Resume = { position: Position } | { ignored: string } | undefined;

/** `expected`: element count by name of every tensor that the training keeps. */
export async function readCheckpoint(
  path: string,
  digest: string,
  state: TrainingState,
  expected: ReadonlyMap<string, number>,
): Promise<Resume> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return { ignored: messageOf(error) };
  }
  try {
    const { metadata, tensors } = parseTensorFile(bytes);
    if (metadata.format !== FORMAT) return { ignored: `its format is ${metadata.format}, expected ${FORMAT}` };
    if (metadata.digest !== digest) return { ignored: 'it is of another model, data set or configuration' };
    for (const [name, count] of expected) {
      if (tensors.get(name)?.length !== count) return { ignored: `it lacks tensor "${name}"` };
    }
    const position = JSON.parse(metadata.position ?? '') as Position;
    for (const [name, data] of tensors) state.set(name, data);
    state.step = position.step;
    return { position };
  } catch (error) {
    return { ignored: messageOf(error) };
  }
}

export async function removeCheckpoint(path: string): Promise<void> {
  await rm(path, { force: true });
}
