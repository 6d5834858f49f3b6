import { writeFileAtomic } from '../../storage/files.ts';
import type { Estimator, Metrics, TrainOptions, Weights } from '../estimator.ts';
import { analyse, dataInputs } from './autodiff/forward.ts';
import { OnnxError } from './errors.ts';
import { sizeOf } from './graph/shape.ts';
import { LoadedModel, checkWeights } from './loaded-model.ts';
import type { Loss } from './losses/loss.ts';
import { findLoss } from './losses/registry.ts';
import type { LossName } from './losses/registry.ts';
import { readModelBytes } from './onnx-model.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { makeOptimizer } from './optimizers/registry.ts';
import type { OptimizerOptions } from './optimizers/registry.ts';
import { encodeModel } from './proto/codec.ts';
import type { ModelProto } from './proto/types.ts';
import { checkSamples } from './samples.ts';
import type { OnnxSamples } from './samples.ts';
import { evaluateSamples } from './training/evaluator.ts';
import { StepSessions } from './training/sessions.ts';
import { TrainingState } from './training/state.ts';
import { buildStep } from './training/step-graph.ts';
import type { StepRequest } from './training/step-graph.ts';
import { Trainer } from './training/trainer.ts';

export interface OnnxEstimatorOptions {
  /** Bytes of an `.onnx` file, its path (read on first use), or a graph from the builder. */
  model: Uint8Array | string | ModelProto;
  loss: LossName;
  optimizer: OptimizerOptions;
  /** Passes over the samples. Default 1. */
  epochs?: number;
  /** Rows per step. Default 32. */
  batchSize?: number;
  /** Of the order of samples. Default 0. */
  seed?: number;
  /** Threads of the runtime. Default: what this process may use, container limits included. Results are reproducible for the same number. */
  threads?: number;
  /** Graph input and output to train on. Defaults: the only input, the first output. */
  input?: string;
  output?: string;
  /** How often `train` renews its checkpoint, if it has one. Default every 10 seconds. */
  checkpointEvery?: { seconds?: number; steps?: number };
}

/** Row-major values with their shape, batch dimension first. */
export interface FloatArray {
  data: Float32Array;
  shape: number[];
}

/**
 * A model that trains and predicts on ONNX Runtime: `train` differentiates the graph and runs each step as one native call.
 * Native calls block the event loop for as long as a step lasts; keep it off loops that must answer.
 */
export class OnnxEstimator implements Estimator<OnnxSamples, FloatArray, FloatArray> {
  readonly #options: Required<Pick<OnnxEstimatorOptions, 'epochs' | 'batchSize' | 'seed' | 'checkpointEvery'>> &
    OnnxEstimatorOptions;
  readonly #loss: Loss;
  readonly #optimizer: Optimizer;
  #model: Promise<LoadedModel> | undefined;
  #training = false;

  constructor(options: OnnxEstimatorOptions) {
    this.#options = { epochs: 1, batchSize: 32, seed: 0, checkpointEvery: { seconds: 10 }, ...options };
    requireWhole('epochs', this.#options.epochs);
    requireWhole('batchSize', this.#options.batchSize);
    if (options.threads !== undefined) requireWhole('threads', options.threads);
    this.#loss = findLoss(options.loss);
    this.#optimizer = makeOptimizer(options.optimizer);
  }

  /**
   * Fits the model. Gives per epoch `loss` and, for classification, `accuracy` (both over the epoch's steps), with
   * `validation` samples also `validationLoss` and `validationAccuracy`. A training that is aborted, diverges or fails
   * leaves the model as it was; an aborted one keeps its checkpoint.
   */
  async train(samples: OnnxSamples, options: TrainOptions = {}): Promise<Metrics> {
    if (this.#training) throw new OnnxError('InvalidOptions', 'this model is in training already');
    this.#training = true;
    try {
      options.signal?.throwIfAborted();
      const model = await this.#loaded();
      const validation = options.validation as OnnxSamples | undefined;
      this.#check(model, samples, true);
      if (validation) this.#check(model, validation, false);
      const trainer = new Trainer({
        ...this.#options,
        ...options,
        validation,
        samples,
        weights: model.weights,
        classification: this.#loss.classification,
        buildTraining: (batch) => buildStep({ ...this.#request(model, samples, batch), optimizer: this.#optimizer }),
        buildEvaluation: (batch) => buildStep(this.#request(model, validation ?? samples, batch)),
      });
      const { metrics, weights } = await trainer.run();
      await model.replaceWeights(weights);
      return metrics;
    } finally {
      this.#training = false;
    }
  }

  /** Gives `accuracy` and `loss` for classification, `mse` and `loss` for regression, one value each. */
  async evaluate(samples: OnnxSamples): Promise<Metrics> {
    const model = await this.#loaded();
    this.#check(model, samples, false);
    const state = new TrainingState(model.weights);
    const sessions = new StepSessions(
      (batch) => buildStep(this.#request(model, samples, batch)),
      state,
      this.#options.threads,
    );
    try {
      const { loss, accuracy } = await evaluateSamples(sessions, samples);
      return this.#loss.classification ? { accuracy: [accuracy], loss: [loss] } : { mse: [loss], loss: [loss] };
    } finally {
      await sessions.close();
    }
  }

  /** Runs the model on rows, or on one sample given without the batch dimension. Gives the model's output, row by row. */
  async predict(input: FloatArray): Promise<FloatArray> {
    const session = await (await this.#loaded()).session();
    const inputName = this.#options.input ?? session.inputs[0]?.name ?? '';
    const outputName = this.#options.output ?? session.outputs[0]?.name ?? '';
    const rank = session.inputs.find(({ name }) => name === inputName)?.shape.length;
    const shape = input.shape.length + 1 === rank ? [1, ...input.shape] : input.shape;
    const results = await session.run({ [inputName]: { datatype: 'float32', data: input.data, shape } });
    const result = results[outputName];
    if (!(result?.data instanceof Float32Array)) {
      throw new OnnxError('InvalidModel', `output "${outputName}" is missing or not float32`);
    }
    return { data: result.data, shape: result.shape };
  }

  /** Writes the inference model with the present weights, atomically. */
  async save(path: string): Promise<void> {
    await writeFileAtomic(path, (await this.#loaded()).encode());
  }

  /** Replaces the model by the one in the file, once that is known to run; else throws and keeps the present one. */
  async load(path: string): Promise<void> {
    if (this.#training) throw new OnnxError('InvalidOptions', 'this model is in training: load when it has finished');
    const next = LoadedModel.decode(await readModelBytes(path), path, this.#options.threads);
    try {
      await next.session();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new OnnxError('InvalidModel', `${path}: ${reason}`, { cause: error });
    }
    const previous = this.#model;
    this.#model = Promise.resolve(next);
    await (await previous?.catch(() => undefined))?.close();
  }

  async getWeights(): Promise<Weights> {
    const model = await this.#loaded();
    const shapes = model.shapes();
    const entries = [...model.weights].map(([name, data]) => [
      name,
      { shape: shapes.get(name) ?? [], data: data.slice() },
    ]);
    return Object.fromEntries(entries) as Weights;
  }

  async setWeights(weights: Weights): Promise<void> {
    if (this.#training)
      throw new OnnxError('InvalidWeights', 'this model is in training: set weights when it has finished');
    const model = await this.#loaded();
    checkWeights(weights, model.shapes());
    await model.replaceWeights(new Map(Object.entries(weights).map(([name, { data }]) => [name, data])));
  }

  /** Frees the native session; the estimator can be used again. */
  async close(): Promise<void> {
    await (await this.#model?.catch(() => undefined))?.close();
  }

  #loaded(): Promise<LoadedModel> {
    return (this.#model ??= this.#open());
  }

  async #open(): Promise<LoadedModel> {
    const { model, threads } = this.#options;
    const origin = typeof model === 'string' ? model : 'option model';
    try {
      const bytes =
        typeof model === 'string' || model instanceof Uint8Array ? await readModelBytes(model) : encodeModel(model);
      return LoadedModel.decode(bytes, origin, threads);
    } catch (error) {
      // The next call looks again: the file may have come by then.
      this.#model = undefined;
      throw error;
    }
  }

  #request({ proto }: LoadedModel, samples: OnnxSamples, batch: number): StepRequest {
    const { input, output } = this.#options;
    return { model: proto, loss: this.#loss, batch, input, output, sampleShape: samples.shape };
  }

  /** Refuses, before the first step, samples and models that cannot be trained or judged. */
  #check(model: LoadedModel, samples: OnnxSamples, training: boolean): void {
    const request = this.#request(model, samples, 1);
    const forward = analyse(request.model, request);
    if (sizeOf(forward.input.shape) !== sizeOf(samples.shape)) {
      const takes = dataInputs(request.model)[0]?.name ?? '';
      throw new OnnxError(
        'InvalidSamples',
        `samples have shape [${samples.shape}], input "${takes}" of the model takes [${forward.input.shape.slice(1)}]`,
      );
    }
    this.#loss.check(forward.output.shape);
    if (training) buildStep({ ...request, optimizer: this.#optimizer });
    checkSamples(samples, { size: sizeOf(forward.output.shape), classification: this.#loss.classification });
  }
}

function requireWhole(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 1) return;
  throw new OnnxError('InvalidOptions', `option ${name}: ${value} is not a whole number above 0`);
}
