/** Between the simulation and its threads. */
import type { TrainingSettings, UpdatePolicy } from '../../../activities/contracts.ts';
import type { Refusal } from '../../../sdk/algorithms/aggregation/index.ts';

/** A dataset in shared memory. */
export interface SharedSamples {
  inputs: Float32Array;
  labels: Int32Array | Float32Array;
  shape: number[];
  count: number;
}

export interface ThreadData {
  /** Of the client module. */
  module: string;
  samples: SharedSamples;
  /** Indices into `samples` by client. */
  parts: Uint32Array[];
  clients: string[];
  /** A folder per client. */
  directory: string;
  policy: UpdatePolicy;
}

/** What a client does in a round. `begin`: hand over the weights that the estimator was made with. */
export type Turn =
  | { client: number; begin: string }
  | {
      client: number;
      round: number;
      weights: string;
      settings: TrainingSettings;
      seed: number;
      evaluate: boolean;
    };

export interface Taken {
  client: string;
  /** In its final form, on disk. */
  file: string;
  samples: number;
  metrics: Record<string, number>;
  evaluation?: Record<string, number>;
}

export type Answer = { done: Taken } | { refused: Refusal; client: string } | { failed: string };
