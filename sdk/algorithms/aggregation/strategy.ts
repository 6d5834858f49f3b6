import type { TensorFile } from '../../tensors/tensor-file.ts';
import type { WrittenTensors } from '../../tensors/tensor-writer.ts';
import type { Kernel } from './kernel/kernel.ts';

/** A checked update of one client: whole weights, of the layout of the global ones. */
export interface ClientUpdate {
  /** Zero-padded index in `spec.trainingWorkers`: sorts as text. */
  client: string;
  file: TensorFile;
  /** That it trained on; positive. */
  samples: number;
  /** Of the training, last value of each. */
  metrics?: Record<string, number>;
  /** Rounds between the weights that it started from and the present ones (FedBuff). Default: 0. */
  staleness?: number;
  /** The weights that it started from, where they are not the present ones. One object for equal files. */
  base?: TensorFile;
}

/** What a strategy is given. Files are open for reading, and may be the stored blobs themselves: only those in `out` are to be written. The kernel is shared. */
export interface AggregationRound {
  /** From 1. */
  round: number;
  /** The weights that the clients started from (FedBuff: the present ones). */
  global: TensorFile;
  /** At least one, in client order. */
  updates: readonly ClientUpdate[];
  /** What this strategy kept after the round before: absent in the first round and where it keeps nothing. */
  state?: TensorFile;
  /** Files to write. */
  out: { model: string; state: string };
  kernel: Kernel;
}

export interface Aggregate {
  model: WrittenTensors;
  /** To be given to the next round. Absent: nothing is kept. */
  state?: WrittenTensors;
  /** Clients whose values entered the model, in client order. */
  used: string[];
  /** Clients that were left out whole, and why. */
  left: { client: string; reason: string }[];
  metrics: Record<string, number>;
}

/**
 * Makes the next global weights of a round's updates. Deterministic: equal files in the same order give equal bytes, so a repeated
 * activity gives the same digest. Throws `AggregationError` or `TensorError`; both are final.
 */
export interface Strategy {
  aggregate(round: AggregationRound): Promise<Aggregate>;
  /** What the clients need to know to train: the weight of FedProx's proximal term. */
  readonly client?: { mu?: number };
  /** `buffer`: updates count as they come, also of older weights; the quorum and its digest do not apply. Default: `rounds`. */
  readonly pace?: 'rounds' | 'buffer';
  /** Updates below which the strategy refuses to aggregate. Default: 1. */
  readonly minUpdates?: number;
}

/** Values from manifests may be text. */
export type StrategyParameters = Readonly<Record<string, unknown>>;

/** Makes a strategy, or throws `AggregationError` `InvalidParameter` that names the field. Unknown parameters are refused. */
export type StrategyFactory = (parameters?: StrategyParameters) => Strategy;
