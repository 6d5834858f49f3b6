import { DataLoader } from '../../datasources/loader.ts';
import { writeFileAtomic } from '../../storage/files.ts';
import type { Estimator, FeatureSet, Metrics, TrainOptions, Weights } from '../estimator.ts';
import { analyse, dataInputs } from './autodiff/forward.ts';
import type { Forward } from './autodiff/forward.ts';
import { OnnxError, messageOf } from './errors.ts';
import { requireSeed, resolveOptions, selection, withSettings } from './estimator-options.ts';
import type { OnnxEstimatorOptions, ResolvedOptions } from './estimator-options.ts';
import { sizeOf } from './graph/shape.ts';
import { LoadedModel, checkWeights } from './loaded-model.ts';
import type { Loss } from './losses/loss.ts';
import { findLoss } from './losses/registry.ts';
import { readModelBytes } from './onnx-model.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { makeOptimizer } from './optimizers/registry.ts';
import { encodeModel } from './proto/codec.ts';
import { chooseProvider } from './providers.ts';
import type { ProviderChoice } from './providers.ts';
import type { SessionOptions } from './runtime.ts';
import { asInput } from './samples.ts';
import type { InputArray, SampleLayout } from './samples.ts';
import { sourceOf } from './training/batch-source.ts';
import type { TrainingData } from './training/batch-source.ts';
import { evaluateSource } from './training/evaluator.ts';
import { featuresOf } from './training/features.ts';
import { evaluateForward } from './training/forward-evaluator.ts';
import type { Averages } from './training/mean.ts';
import { defaultMemoryLimit, estimateMemory, requireMemory } from './training/memory.ts';
import type { MemoryEstimate } from './training/memory.ts';
import { trainingNotes } from './training/notes.ts';
import { StepSessions } from './training/sessions.ts';
import { TrainingState } from './training/state.ts';
import { buildStep } from './training/step-graph.ts';
import type { StepRequest } from './training/step-graph.ts';
import { Trainer, requireMetric } from './training/trainer.ts';

/** Row-major values with their shape, batch dimension first. */
export interface FloatArray {
  data: Float32Array;
  shape: number[];
}

/** The same, of any type that a model may take. */
export interface ModelInput {
  data: InputArray;
  shape: number[];
}

/**
 * A model that trains and predicts on ONNX Runtime: `train` differentiates the graph and runs each step as one native call.
 * Native calls block the event loop for as long as a step lasts; keep it off loops that must answer.
 */
export class OnnxEstimator implements Estimator<TrainingData, ModelInput, FloatArray> {
  readonly #options: ResolvedOptions;
  readonly #loss: Loss;
  readonly #optimizer: Optimizer;
  #model: Promise<LoadedModel> | undefined;
  #provider: ProviderChoice | undefined;
  #training = false;

  constructor(options: OnnxEstimatorOptions) {
    this.#options = resolveOptions(options);
    this.#loss = findLoss(options.loss, options);
    this.#optimizer = makeOptimizer(options.optimizer);
  }

  /** The execution provider in use and why; undefined before the model was first used. */
  get provider(): ProviderChoice | undefined {
    return this.#provider;
  }

  /**
   * Fits the model. Gives per epoch `loss` and, for classification, `accuracy` (both over the epoch's steps), with
   * `validation` samples also `validationLoss` and `validationAccuracy`. A training that is aborted, diverges or fails
   * leaves the model as it was; an aborted one keeps its checkpoint. The loss is that of the data, without a proximal term.
   */
  async train(samples: TrainingData, options: TrainOptions = {}): Promise<Metrics> {
    if (this.#training) throw new OnnxError('InvalidOptions', 'this model is in training already');
    this.#training = true;
    try {
      options.signal?.throwIfAborted();
      const model = await this.#loaded();
      const trainer = new Trainer(this.#plan(model, samples, options));
      const provider = this.#provider;
      if (provider && provider.name !== this.#options.providers[0]) {
        await trainer.tell(`execution provider ${provider.name} is used: ${provider.reason}`);
      }
      for (const note of trainingNotes(model.proto, this.#options)) await trainer.tell(note);
      const { metrics, weights } = await trainer.run();
      await model.replaceWeights(weights);
      return metrics;
    } finally {
      this.#training = false;
    }
  }

  /**
   * Bytes that `train` would need beyond the samples themselves, for a sample of this shape (default: as the model says).
   * An estimate from the graph: what the runtime really takes is most often less, since it reuses memory.
   */
  async memoryEstimate(sampleShape?: readonly number[]): Promise<MemoryEstimate> {
    const model = await this.#loaded();
    const request = { ...this.#request(model, { shape: [...(sampleShape ?? [])] }, this.#options.batchSize) };
    if (!sampleShape) delete request.sampleShape;
    return estimateMemory(this.#buildTraining(request));
  }

  /** Gives `accuracy` and `loss` for classification, `mse` and `loss` for regression, one value each. */
  async evaluate(samples: TrainingData): Promise<Metrics> {
    const model = await this.#loaded();
    const { loss, accuracy } = await this.#judge(model, samples);
    return this.#classification ? { accuracy: [accuracy], loss: [loss] } : { mse: [loss], loss: [loss] };
  }

  /** Runs the model on rows, or on one sample given without the batch dimension. Gives the model's output, row by row. */
  async predict(input: ModelInput): Promise<FloatArray> {
    const session = await (await this.#loaded()).session();
    const inputName = this.#options.input ?? session.inputs[0]?.name ?? '';
    const outputName = this.#options.output ?? session.outputs[0]?.name ?? '';
    const info = session.inputs.find(({ name }) => name === inputName);
    const shape = input.shape.length + 1 === info?.shape.length ? [1, ...input.shape] : input.shape;
    const results = await session.run({ [inputName]: { ...asInput(input.data, info?.datatype), shape } });
    const result = results[outputName];
    if (!(result?.data instanceof Float32Array)) {
      throw new OnnxError('InvalidModel', `output "${outputName}" is missing or not float32`);
    }
    return { data: result.data, shape: result.shape };
  }

  /** What the model makes of samples up to this tensor. Throws `InvalidModel` where it cannot be cut there. */
  async features(samples: TrainingData, layer: string): Promise<FeatureSet> {
    return featuresOf(await this.#loaded(), samples, layer);
  }

  /** Writes the inference model with the present weights, atomically. */
  async save(path: string): Promise<void> {
    await writeFileAtomic(path, (await this.#loaded()).encode());
  }

  /** Replaces the model by the one in the file, once that is known to run; else throws and keeps the present one. */
  async load(path: string): Promise<void> {
    this.#requireIdle('InvalidOptions', 'load');
    const next = await this.#decode(await readModelBytes(path), path);
    try {
      await next.session();
    } catch (error) {
      throw new OnnxError('InvalidModel', `${path}: ${messageOf(error)}`, { cause: error });
    }
    // A training that has begun meanwhile would end in a model that nobody uses.
    if (this.#training) await next.close();
    this.#requireIdle('InvalidOptions', 'load');
    const previous = this.#model;
    this.#model = Promise.resolve(next);
    await (await previous?.catch(() => undefined))?.close();
  }

  /** Weights and running statistics by name. */
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
    this.#requireIdle('InvalidWeights', 'set weights');
    const model = await this.#loaded();
    this.#requireIdle('InvalidWeights', 'set weights');
    checkWeights(weights, model.shapes());
    await model.replaceWeights(new Map(Object.entries(weights).map(([name, { data }]) => [name, data])));
  }

  /** Frees the native session; the estimator can be used again. */
  async close(): Promise<void> {
    await (await this.#model?.catch(() => undefined))?.close();
  }

  #requireIdle(type: 'InvalidOptions' | 'InvalidWeights', what: string): void {
    if (this.#training) throw new OnnxError(type, `this model is in training: ${what} when it has finished`);
  }

  get #classification(): boolean {
    return this.#loss.labels !== 'values';
  }

  #loaded(): Promise<LoadedModel> {
    return (this.#model ??= this.#open());
  }

  async #open(): Promise<LoadedModel> {
    const { model } = this.#options;
    const origin = typeof model === 'string' ? model : 'option model';
    try {
      const bytes =
        typeof model === 'string' || model instanceof Uint8Array ? await readModelBytes(model) : encodeModel(model);
      return await this.#decode(bytes, origin);
    } catch (error) {
      // The next call looks again: the file may have come by then.
      this.#model = undefined;
      throw error;
    }
  }

  async #decode(bytes: Uint8Array, origin: string): Promise<LoadedModel> {
    this.#provider ??= await chooseProvider(this.#options.providers);
    const { trainsScalar } = selection(this.#options);
    return LoadedModel.decode(bytes, origin, { session: this.#session(), scalarIsWeight: trainsScalar });
  }

  #session(): SessionOptions {
    const name = this.#provider?.name ?? 'cpu';
    // The runtime itself leaves single operators that a provider lacks to the CPU.
    const providers = [name];
    const onFallback = (reason: string) => (this.#provider = { name: 'cpu', reason });
    return { threads: this.#options.threads, providers, onFallback };
  }

  #plan(model: LoadedModel, samples: TrainingData, options: TrainOptions) {
    const { settings = {}, seed = this.#options.seed } = options;
    requireSeed(seed);
    const chosen = { ...withSettings(this.#options, settings), seed };
    const { loss, classWeights, labelSmoothing, clipNorm, freeze, earlyStopping, batchSize, mu } = chosen;
    const validation = options.validation as TrainingData | undefined;
    if (earlyStopping) requireMetric(earlyStopping, this.#classification, validation !== undefined);
    const layout = this.#layout(model, samples);
    const rows = Math.max(1, Math.min(batchSize, samples.count));
    const step = this.#buildTraining({ ...this.#request(model, samples, rows), mu });
    requireMemory(estimateMemory(step), this.#options.memoryLimitBytes ?? defaultMemoryLimit(), rows);
    const source = sourceOf(samples, layout);
    const judged = validation && sourceOf(validation, this.#layout(model, validation));
    return {
      ...options,
      ...chosen,
      source,
      validation: judged,
      config: { loss, classWeights, labelSmoothing, clipNorm, freeze, mu },
      weights: model.weights,
      classification: this.#classification,
      session: this.#session(),
      buildTraining: (batch: number, phase: StepRequest['phase']) =>
        this.#buildTraining({ ...this.#request(model, source, batch), phase, mu }),
      buildEvaluation: (batch: number) => buildStep(this.#request(model, judged ?? source, batch)),
    };
  }

  /** By the rules of training; what those do not know, the runtime alone can judge with. */
  async #judge(model: LoadedModel, samples: TrainingData): Promise<Averages> {
    try {
      return await this.#judgeByRules(model, samples);
    } catch (error) {
      const type = error instanceof OnnxError ? error.type : undefined;
      if ((type !== 'UnsupportedOperator' && type !== 'InvalidModel') || samples instanceof DataLoader) throw error;
      const { input, output } = this.#options;
      return evaluateForward({ model, loss: this.#loss, input, output, samples }).catch((second: unknown) => {
        // A model that is wrong by the rules and by the runtime: the rules say it better.
        const ofModel = second instanceof OnnxError && ['InvalidModel', 'RuntimeFailed'].includes(second.type);
        throw type === 'InvalidModel' && ofModel ? error : second;
      });
    }
  }

  async #judgeByRules(model: LoadedModel, samples: TrainingData): Promise<Averages> {
    const source = sourceOf(samples, this.#layout(model, samples));
    const state = new TrainingState(model.weights);
    const build = (batch: number) => buildStep(this.#request(model, source, batch));
    const sessions = new StepSessions(build, state, this.#session());
    try {
      return await evaluateSource(sessions, source);
    } finally {
      await sessions.close();
    }
  }

  #request(model: LoadedModel, { shape }: { shape: number[] }, batch: number): StepRequest {
    const { input, output } = this.#options;
    const chosen = selection(this.#options);
    // A tensor that is no weight (a mask with infinities) stays, whatever its shape.
    const frozen = (name: string) => chosen.frozen(name) || !model.weights.has(name);
    return { model: model.proto, loss: this.#loss, batch, input, output, sampleShape: shape, ...chosen, frozen };
  }

  #buildTraining(request: StepRequest) {
    return buildStep({ ...request, optimizer: this.#optimizer, clipNorm: this.#options.clipNorm });
  }

  /** What samples must fit; refuses models that cannot be judged and samples of another shape. */
  #layout(model: LoadedModel, { shape }: { shape: number[] }): SampleLayout {
    const request = this.#request(model, { shape }, 1);
    const forward = analyse(request.model, request);
    requireShape(forward, shape, dataInputs(request.model)[0]?.name ?? '');
    const output = forward.output.shape;
    this.#loss.check(output);
    const { elemType } = forward.input;
    return { elemType, size: sizeOf(output), classes: output.at(-1) ?? 1, labels: this.#loss.labels };
  }
}

function requireShape(forward: Forward, shape: readonly number[], input: string): void {
  if (sizeOf(forward.input.shape) === sizeOf(shape)) return;
  const takes = forward.input.shape.slice(1);
  throw new OnnxError(
    'InvalidSamples',
    `samples have shape [${shape}], input "${input}" of the model takes [${takes}]`,
  );
}
