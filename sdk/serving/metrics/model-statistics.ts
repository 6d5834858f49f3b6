import type { FailureReason } from '../errors.ts';
import type { InferTiming } from '../served-model.ts';
import { Histogram } from './histogram.ts';

/** How often, and how long in all, in microseconds. */
export interface Duration {
  count: number;
  us: number;
}

/** What one answered request took, in microseconds. */
export interface RequestTiming extends InferTiming {
  /** From its last byte to its answer. */
  totalUs: number;
  /** Reading tensors. */
  inputUs: number;
  /** Writing tensors. */
  outputUs: number;
}

const none = (): Duration => ({ count: 0, us: 0 });

/** Totals of one version of a model since the server started. Numbers only: it is on the way of every request. */
export class ModelStatistics {
  readonly model: string;
  readonly version: string;
  readonly success = none();
  readonly fail = none();
  readonly queue = none();
  readonly computeInput = none();
  readonly computeInfer = none();
  readonly computeOutput = none();
  readonly failures = new Map<FailureReason, number>();
  /** Runs by the rows that ran together. */
  readonly batches = new Map<number, Duration>();
  /** KServe's phases. */
  readonly preprocess = new Histogram();
  readonly predict = new Histogram();
  readonly postprocess = new Histogram();
  /** Rows answered. */
  inferences = 0;
  /** Runs of the model. */
  executions = 0;
  /** Milliseconds since the epoch. */
  lastInference = 0;

  constructor(model: string, version: string) {
    this.model = model;
    this.version = version;
  }

  succeeded({ totalUs, queueUs, inputUs, inferUs, outputUs, batch, executions }: RequestTiming, rows: number): void {
    add(this.success, totalUs);
    add(this.queue, queueUs);
    add(this.computeInput, inputUs);
    add(this.computeInfer, inferUs);
    add(this.computeOutput, outputUs);
    this.preprocess.observe(inputUs / 1e6);
    this.predict.observe((queueUs + inferUs) / 1e6);
    this.postprocess.observe(outputUs / 1e6);
    this.inferences += rows;
    this.executions += executions;
    this.lastInference = Date.now();
    if (executions > 0) {
      const runs = this.batches.get(batch) ?? none();
      this.batches.set(batch, runs);
      add(runs, inferUs);
    }
  }

  failed(reason: FailureReason, totalUs: number): void {
    add(this.fail, totalUs);
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
  }
}

function add(duration: Duration, us: number): void {
  duration.count++;
  duration.us += us;
}

/** Of one model: a server that is swapped every hour must not grow for it. */
const MAX_VERSIONS = 32;

/** Statistics of all models and of their last versions. */
export class Statistics {
  readonly #all = new Map<string, Map<string, ModelStatistics>>();
  /** Requests under way by model. */
  readonly pending = new Map<string, number>();

  of(model: string, version: string): ModelStatistics {
    let versions = this.#all.get(model);
    if (!versions) this.#all.set(model, (versions = new Map<string, ModelStatistics>()));
    let found = versions.get(version);
    if (found) return found;
    const [oldest] = versions.keys();
    if (versions.size >= MAX_VERSIONS && oldest !== undefined) versions.delete(oldest);
    versions.set(version, (found = new ModelStatistics(model, version)));
    return found;
  }

  /** In the order in which they were first asked for; `model` restricts it. */
  list(model?: string): ModelStatistics[] {
    const models = model === undefined ? [...this.#all.values()] : [this.#all.get(model)];
    return models.flatMap((versions) => [...(versions?.values() ?? [])]);
  }

  begin(model: string): void {
    this.pending.set(model, (this.pending.get(model) ?? 0) + 1);
  }

  end(model: string): void {
    this.pending.set(model, (this.pending.get(model) ?? 1) - 1);
  }
}
