import { OnnxError, TrainingDiverged } from '../errors.ts';
import type { Metrics, Progress } from '../../estimator.ts';
import type { OptimizerOptions } from '../optimizers/registry.ts';
import { Random } from '../random.ts';
import type { SessionOptions } from '../runtime.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Batch, BatchSource } from './batch-source.ts';
import { CheckpointKeeper } from './checkpoint-keeper.ts';
import type { Position } from './checkpoint.ts';
import { trainingDigest } from './digest.ts';
import { improves } from './early-stopping.ts';
import type { EarlyStoppingOptions } from './early-stopping.ts';
import { evaluateSource } from './evaluator.ts';
import { Rhythm, stepSeed } from './rhythm.ts';
import { makeSchedule } from './schedule.ts';
import type { Schedule, ScheduleOptions } from './schedule.ts';
import { StepSessions } from './sessions.ts';
import type { BuildStep } from './sessions.ts';
import { TrainingState } from './state.ts';
import type { Slot, StepGraph, StepPhase } from './step-graph.ts';

/** How often progress is told between ends of epochs, in milliseconds. */
const PROGRESS_INTERVAL = 500;
const EMPTY = new Float32Array();
/** Names of the best weights in state and checkpoint. */
const BEST = 'training/best/';

export interface TrainingPlan {
  buildTraining: BuildStep;
  buildEvaluation: BuildStep;
  weights: ReadonlyMap<string, Float32Array>;
  source: BatchSource;
  validation?: BatchSource;
  classification: boolean;
  optimizer: OptimizerOptions;
  schedule: ScheduleOptions;
  earlyStopping?: EarlyStoppingOptions;
  epochs: number;
  batchSize: number;
  accumulate: number;
  seed: number;
  /** Everything else that the steps depend on; a checkpoint of another configuration is not resumed. */
  config: unknown;
  session: SessionOptions;
  checkpointEvery: { seconds?: number; steps?: number };
  checkpoint?: string;
  onProgress?: (progress: Progress) => void | Promise<void>;
  signal?: AbortSignal;
}

export interface TrainingResult {
  metrics: Metrics;
  weights: Map<string, Float32Array>;
}

/** One training from its first (or resumed) step to its last. Weights are handed over at the end only. */
export class Trainer {
  readonly #plan: TrainingPlan;
  readonly #batch: number;
  readonly #rhythm: Rhythm;
  readonly #rate: Schedule;
  readonly #graph: StepGraph;
  readonly #state: TrainingState;
  readonly #training: StepSessions;
  readonly #evaluation: StepSessions;
  readonly #keeper: CheckpointKeeper;
  #position: Position;
  #told = performance.now();

  constructor(plan: TrainingPlan) {
    const { source, epochs, accumulate, optimizer, weights } = plan;
    this.#plan = plan;
    this.#batch = Math.min(plan.batchSize, source.count);
    this.#rhythm = new Rhythm({ count: source.count, batchSize: this.#batch, accumulate });
    this.#rate = makeSchedule(plan.schedule, optimizer.learningRate, epochs * this.#rhythm.updates);
    this.#graph = plan.buildTraining(this.#batch, accumulate > 1 ? 'apply' : 'update');
    const kept = [...this.#graph.parameters, ...this.#graph.buffers].map(({ name }) => name);
    this.#state = new TrainingState(kept.map((name) => [name, weights.get(name) ?? EMPTY]));
    const [starts, parameters] = [this.#graph.starts, this.#graph.parameters];
    for (const [i, { name }] of starts.entries())
      this.#state.set(name, weights.get(parameters[i]?.name ?? '') ?? EMPTY);
    this.#training = new StepSessions((batch, phase) => this.#stepGraph(batch, phase), this.#state, plan.session);
    this.#evaluation = new StepSessions(plan.buildEvaluation, this.#state, plan.session);
    this.#keeper = new CheckpointKeeper({
      path: plan.checkpoint,
      every: plan.checkpointEvery,
      state: this.#state,
      tell: (message) => this.tell(message),
    });
    const random = new Random(plan.seed).state;
    this.#position = { epoch: 0, stepInEpoch: 0, step: 0, random, lossSum: 0, correctSum: 0, metrics: {} };
  }

  async run(): Promise<TrainingResult> {
    const { checkpoint, epochs, signal } = this.#plan;
    try {
      // All of them now: a checkpoint may be due before the first update has opened its session.
      for (const { name, shape } of this.#slots()) this.#state.buffers(name, shape);
      await this.#training.get(this.#batch, this.#rhythm.stepOf(0).phase);
      const expected = new Map(this.#slots().map(({ name, shape }) => [name, sizeOf(shape)]));
      const resumed = await this.#keeper.resume(() => this.#digest(), expected);
      if (resumed) {
        this.#position = resumed;
        this.#state.step = resumed.step;
        await this.tell(`resumed from ${checkpoint} at step ${resumed.step}`);
      }
      while (this.#position.epoch < epochs && !this.#position.stopped) await this.#epoch();
      const trained = this.#trained();
      await this.#keeper.discard();
      return { metrics: this.#position.metrics, weights: trained };
    } catch (error) {
      // Aborts come between two steps only, also from a loader, and there the position is whole.
      if (signal?.aborted && error === signal.reason) await this.#keeper.offer(this.#position, true);
      throw error;
    } finally {
      await this.#training.close();
      await this.#evaluation.close();
    }
  }

  async tell(message?: string): Promise<void> {
    this.#told = performance.now();
    const { epoch, stepInEpoch, step, lossSum, correctSum } = this.#position;
    const { source, classification, schedule, epochs } = this.#plan;
    const rows = Math.min(stepInEpoch * this.#batch, source.count);
    const metrics: Record<string, number> = { epoch: epoch + 1 };
    if (rows > 0) metrics.loss = lossSum / rows;
    if (rows > 0 && classification) metrics.accuracy = correctSum / rows;
    if (rows > 0 && schedule.name !== 'constant') metrics.learningRate = this.#rate(Math.max(0, step - 1));
    const total = this.#rhythm.updates * epochs;
    await this.#plan.onProgress?.({ step, total, metrics, ...(message === undefined ? {} : { message }) });
  }

  /** The graph that was built first serves as it is. */
  #stepGraph(batch: number, phase: StepPhase): StepGraph {
    const first = batch === this.#batch && phase === (this.#plan.accumulate > 1 ? 'apply' : 'update');
    return first ? this.#graph : this.#plan.buildTraining(batch, phase);
  }

  #digest(): string {
    const { config, epochs, batchSize, accumulate, seed, optimizer, schedule, earlyStopping, weights } = this.#plan;
    const all = { config, epochs, batchSize, accumulate, seed, optimizer, schedule, earlyStopping };
    return trainingDigest(all, this.#graph.bytes, weights, this.#plan);
  }

  /** Every tensor that the training keeps. */
  #slots(): Slot[] {
    const { parameters, buffers, state, accumulated } = this.#graph;
    return [...parameters, ...buffers, ...state, ...accumulated];
  }

  async #epoch(): Promise<void> {
    const { source, signal } = this.#plan;
    // A generator of its own: the position keeps the state before the shuffle, from which a resumed epoch shuffles alike.
    const random = new Random(this.#position.random);
    const request = { batchSize: this.#batch, from: this.#position.stepInEpoch, signal };
    for await (const batch of source.epoch(random, request)) {
      await this.#step(batch);
      await this.#afterStep();
    }
    await this.#finishEpoch(random);
  }

  async #step(batch: Batch): Promise<void> {
    const { epoch, stepInEpoch } = this.#position;
    const { phase, share } = this.#rhythm.stepOf(stepInEpoch);
    const session = await this.#training.get(batch.rows, phase);
    batch.copyTo(session);
    const learningRate = this.#rate(this.#state.step);
    const seed = stepSeed(this.#plan.seed, epoch * this.#rhythm.batches + stepInEpoch);
    const { loss, correct } = await session.run({ learningRate, share, seed });
    if (!Number.isFinite(loss)) {
      await this.#keeper.discard();
      throw new TrainingDiverged(this.#state.step, loss, learningRate);
    }
    this.#position.lossSum += loss * batch.rows;
    this.#position.correctSum += correct;
    this.#position.stepInEpoch++;
    this.#position.step = this.#state.step;
  }

  /** Everything that may happen between two steps: abort, checkpoint, progress. */
  async #afterStep(): Promise<void> {
    await this.#keeper.offer(this.#position, false);
    this.#plan.signal?.throwIfAborted();
    if (performance.now() - this.#told >= PROGRESS_INTERVAL) await this.tell();
  }

  async #finishEpoch(random: Random): Promise<void> {
    const { source, validation, classification, signal } = this.#plan;
    const { metrics, lossSum, correctSum } = this.#position;
    // First what may be aborted: a resumed training judges the epoch again.
    const judged = validation && (await evaluateSource(this.#evaluation, validation, signal));
    push(metrics, 'loss', lossSum / source.count);
    if (classification) push(metrics, 'accuracy', correctSum / source.count);
    if (judged) push(metrics, 'validationLoss', judged.loss);
    if (judged && classification) push(metrics, 'validationAccuracy', judged.accuracy);
    await this.#judge();
    this.#position = {
      ...this.#position,
      epoch: this.#position.epoch + 1,
      stepInEpoch: 0,
      random: random.state,
      lossSum: 0,
      correctSum: 0,
    };
  }

  /** Tells how the epoch went, and with early stopping whether it was the last one. */
  async #judge(): Promise<void> {
    const { earlyStopping } = this.#plan;
    if (!earlyStopping) return this.tell();
    const { metric = 'validationLoss', patience, restoreBest = true } = earlyStopping;
    const value = this.#position.metrics[metric]?.at(-1) ?? NaN;
    if (improves(value, this.#position.best, earlyStopping)) {
      this.#position.best = { value, age: 0 };
      if (restoreBest) this.#copyWeights('', BEST);
      return this.tell();
    }
    const best = this.#position.best ?? { value, age: 0 };
    best.age++;
    this.#position.stopped = best.age >= patience;
    await this.tell(
      this.#position.stopped
        ? `stopped: ${metric} has not improved on ${best.value} for ${best.age} epochs`
        : undefined,
    );
  }

  #copyWeights(from: string, to: string): void {
    for (const { name } of [...this.#graph.parameters, ...this.#graph.buffers]) {
      const data = this.#state.get(from + name);
      if (data) this.#state.set(to + name, data);
    }
  }

  /** Copies of the final weights. The last update came after the last loss, so it is looked at here. */
  #trained(): Map<string, Float32Array> {
    const { earlyStopping, optimizer } = this.#plan;
    if (this.#position.best && (earlyStopping?.restoreBest ?? true)) this.#copyWeights(BEST, '');
    const weights = new Map<string, Float32Array>();
    for (const { name } of [...this.#graph.parameters, ...this.#graph.buffers]) {
      const data = this.#state.get(name)?.slice() ?? new Float32Array();
      const bad = data.find((value) => !Number.isFinite(value));
      if (bad !== undefined) throw new TrainingDiverged(this.#state.step, bad, optimizer.learningRate);
      weights.set(name, data);
    }
    return weights;
  }
}

/** Refuses early stopping on a metric that the training will not have. */
export function requireMetric(options: EarlyStoppingOptions, classification: boolean, validated: boolean): void {
  const { metric = 'validationLoss' } = options;
  const missing =
    (metric.startsWith('validation') && !validated && 'give validation samples') ||
    (/accuracy$/i.test(metric) && !classification && 'this loss has no accuracy');
  if (missing) throw new OnnxError('InvalidOptions', `option earlyStopping.metric: no ${metric} here; ${missing}`);
}

function push(metrics: Metrics, name: string, value: number): void {
  (metrics[name] ??= []).push(value);
}
