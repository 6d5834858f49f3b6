/**
 * What a model must offer so that a feature (IncrementalLearning, …) can train, judge and serve it.
 * Members are optional because a feature asks only for what it uses, and says by name what is missing.
 */
export interface Estimator<Samples = unknown, Input = unknown, Output = unknown> {
  /** Fits the model in place. Resolves to metrics by name; one value per epoch or a single one. */
  train?(samples: Samples, options?: TrainOptions): Promise<Metrics>;
  /** Judges the loaded model. Resolves to metrics by name, each a list of numbers (the last one counts). */
  evaluate?(samples: Samples): Promise<Metrics>;
  /** What the model makes of samples up to the tensor of this name, row by row, with their labels (MistNet). */
  features?(samples: Samples, layer: string): Promise<FeatureSet>;
  /** `signal`: nobody waits for the answer any more; one that does not heed it is right as well. */
  predict?(input: Input, options?: { signal?: AbortSignal }): Promise<Output>;
  /** Writes the whole model to exactly this path (atomically: a reader never sees half a file). */
  save?(path: string): Promise<void>;
  /** Replaces the model by the one in the file. A failed load leaves the present model untouched. */
  load?(path: string): Promise<void>;
  /** Trainable parameters by name. The arrays are copies. */
  getWeights?(): Promise<Weights>;
  /** Replaces parameters; names, shapes and element counts must be those of `getWeights`. */
  setWeights?(weights: Weights): Promise<void>;
}

/** Features of samples: `count` rows of `shape`. Labels are class numbers, or rows of floats. */
export interface FeatureSet {
  inputs: Float32Array;
  shape: number[];
  labels: Int32Array | Float32Array;
  count: number;
}

export interface TrainOptions {
  validation?: unknown;
  /** Called as training goes on; may be awaited by the estimator, must be cheap. */
  onProgress?: (progress: Progress) => void | Promise<void>;
  /** File to resume from if it exists, and to keep a resumable state in. Removed when training completes. */
  checkpoint?: string;
  signal?: AbortSignal;
  /** Of this training only; what is absent stays as the estimator was made. */
  settings?: TrainSettings;
  /** Of everything that is drawn in this training. Equal seeds, settings, weights and samples give equal results. */
  seed?: number;
}

export interface TrainSettings {
  epochs?: number;
  batchSize?: number;
  learningRate?: number;
  /** Weight of the proximal term mu/2 |w - w_start|², which holds weights near those that the training begins with. */
  mu?: number;
}

export interface Progress {
  step: number;
  total: number;
  message?: string;
  metrics?: Record<string, number>;
}

/** Metric name → list of values, as Sedna's control plane reads it. */
export type Metrics = Record<string, number[]>;

/** Row-major Float32 data with its shape. */
export interface WeightTensor {
  shape: number[];
  data: Float32Array;
}

export type Weights = Record<string, WeightTensor>;
