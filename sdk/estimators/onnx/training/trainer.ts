import { TrainingDiverged, messageOf } from '../errors.ts';
import type { Metrics, Progress } from '../../estimator.ts';
import type { OptimizerOptions } from '../optimizers/registry.ts';
import { Random } from '../random.ts';
import { gather } from '../samples.ts';
import type { OnnxSamples } from '../samples.ts';
import { sizeOf } from '../graph/shape.ts';
import { readCheckpoint, removeCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { Position } from './checkpoint.ts';
import { trainingDigest } from './digest.ts';
import { evaluateSamples } from './evaluator.ts';
import { StepSessions } from './sessions.ts';
import { TrainingState } from './state.ts';
import type { StepGraph } from './step-graph.ts';

/** How often progress is told between ends of epochs, in milliseconds. */
const PROGRESS_INTERVAL = 500;

export interface TrainingPlan {
  buildTraining: (batch: number) => StepGraph;
  buildEvaluation: (batch: number) => StepGraph;
  weights: ReadonlyMap<string, Float32Array>;
  samples: OnnxSamples;
  validation?: OnnxSamples;
  classification: boolean;
  loss: string;
  optimizer: OptimizerOptions;
  epochs: number;
  batchSize: number;
  seed: number;
  threads?: number;
  /** Both may be given; whichever comes first. */
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
  readonly #stepsPerEpoch: number;
  readonly #state: TrainingState;
  readonly #training: StepSessions;
  readonly #evaluation: StepSessions;
  #position: Position;
  #digest = '';
  #saved = { at: performance.now(), step: 0 };
  #told = performance.now();

  constructor(plan: TrainingPlan) {
    this.#plan = plan;
    this.#batch = Math.min(plan.batchSize, plan.samples.count);
    this.#stepsPerEpoch = Math.ceil(plan.samples.count / this.#batch);
    this.#state = new TrainingState(plan.weights);
    this.#training = new StepSessions(plan.buildTraining, this.#state, plan.threads);
    this.#evaluation = new StepSessions(plan.buildEvaluation, this.#state, plan.threads);
    const random = new Random(plan.seed).state;
    this.#position = { epoch: 0, stepInEpoch: 0, step: 0, random, lossSum: 0, correctSum: 0, metrics: {} };
  }

  async run(): Promise<TrainingResult> {
    const { checkpoint, epochs, weights } = this.#plan;
    try {
      await this.#training.get(this.#batch);
      if (checkpoint !== undefined) await this.#resume(checkpoint);
      while (this.#position.epoch < epochs) await this.#epoch();
      const trained = this.#trained(weights.keys());
      await this.#discard();
      return { metrics: this.#position.metrics, weights: trained };
    } finally {
      await this.#training.close();
      await this.#evaluation.close();
    }
  }

  /** Copies of the final weights. The last update came after the last loss, so it is looked at here. */
  #trained(names: Iterable<string>): Map<string, Float32Array> {
    const weights = new Map<string, Float32Array>();
    for (const name of names) {
      const data = this.#state.get(name)?.slice() ?? new Float32Array();
      const bad = data.find((value) => !Number.isFinite(value));
      if (bad !== undefined) throw new TrainingDiverged(this.#state.step, bad, this.#plan.optimizer.learningRate);
      weights.set(name, data);
    }
    return weights;
  }

  async #resume(checkpoint: string): Promise<void> {
    const { samples, weights, loss, optimizer, epochs, batchSize, seed } = this.#plan;
    const graph = this.#plan.buildTraining(this.#batch);
    const config = { loss, optimizer, epochs, batchSize, seed };
    this.#digest = trainingDigest(config, graph.bytes, weights, samples);
    const slots = [...graph.parameters, ...graph.state];
    const expected = new Map(slots.map(({ name, shape }) => [name, sizeOf(shape)]));
    const resume = await readCheckpoint(checkpoint, this.#digest, this.#state, expected);
    if (!resume) return;
    if ('ignored' in resume) return this.#tell(`checkpoint ${checkpoint} is ignored: ${resume.ignored}`);
    this.#position = resume.position;
    this.#saved.step = resume.position.step;
    await this.#tell(`resumed from ${checkpoint} at step ${resume.position.step}`);
  }

  async #epoch(): Promise<void> {
    const { samples } = this.#plan;
    // A generator of its own: the position keeps the state before the shuffle, from which a resumed epoch shuffles alike.
    const random = new Random(this.#position.random);
    const order = random.permutation(samples.count);
    while (this.#position.stepInEpoch < this.#stepsPerEpoch) {
      await this.#step(order);
      await this.#afterStep();
    }
    await this.#finishEpoch(random);
  }

  async #step(order: Uint32Array): Promise<void> {
    const { samples, optimizer } = this.#plan;
    const start = this.#position.stepInEpoch * this.#batch;
    const rows = order.subarray(start, start + this.#batch);
    const session = await this.#training.get(rows.length);
    gather(samples, rows, session);
    const { loss, correct } = await session.run(optimizer.learningRate);
    if (!Number.isFinite(loss)) {
      await this.#discard();
      throw new TrainingDiverged(this.#state.step, loss, optimizer.learningRate);
    }
    this.#position.lossSum += loss * rows.length;
    this.#position.correctSum += correct;
    this.#position.stepInEpoch++;
    this.#position.step = this.#state.step;
  }

  /** Everything that may happen between two steps: abort, checkpoint, progress. */
  async #afterStep(): Promise<void> {
    const { checkpoint, checkpointEvery, signal } = this.#plan;
    const now = performance.now();
    if (checkpoint !== undefined) {
      const { seconds = Infinity, steps = Infinity } = checkpointEvery;
      const due = now - this.#saved.at >= seconds * 1000 || this.#position.step - this.#saved.step >= steps;
      if (due || signal?.aborted) await this.#save(checkpoint);
    }
    signal?.throwIfAborted();
    if (now - this.#told >= PROGRESS_INTERVAL) await this.#tell();
  }

  async #save(checkpoint: string): Promise<void> {
    try {
      await writeCheckpoint(checkpoint, this.#digest, this.#position, this.#state);
    } catch (error) {
      // A full disk costs the chance to resume, not the training; the next checkpoint tries again.
      await this.#tell(`checkpoint ${checkpoint} cannot be written: ${messageOf(error)}`);
    }
    this.#saved = { at: performance.now(), step: this.#position.step };
  }

  /** Removes the checkpoint. One that stays is harmless: the same training would go on from it to the same end. */
  async #discard(): Promise<void> {
    const { checkpoint } = this.#plan;
    if (checkpoint === undefined) return;
    try {
      await removeCheckpoint(checkpoint);
    } catch (error) {
      await this.#tell(`checkpoint ${checkpoint} cannot be removed: ${messageOf(error)}`);
    }
  }

  async #finishEpoch(random: Random): Promise<void> {
    const { samples, validation, classification, signal } = this.#plan;
    const { metrics, lossSum, correctSum } = this.#position;
    push(metrics, 'loss', lossSum / samples.count);
    if (classification) push(metrics, 'accuracy', correctSum / samples.count);
    if (validation) {
      const result = await evaluateSamples(this.#evaluation, validation, signal);
      push(metrics, 'validationLoss', result.loss);
      if (classification) push(metrics, 'validationAccuracy', result.accuracy);
    }
    await this.#tell();
    this.#position = {
      ...this.#position,
      epoch: this.#position.epoch + 1,
      stepInEpoch: 0,
      random: random.state,
      lossSum: 0,
      correctSum: 0,
    };
  }

  async #tell(message?: string): Promise<void> {
    this.#told = performance.now();
    const { epoch, stepInEpoch, step, lossSum, correctSum } = this.#position;
    const rows = Math.min(stepInEpoch * this.#batch, this.#plan.samples.count);
    const metrics: Record<string, number> = { epoch: epoch + 1 };
    if (rows > 0) metrics.loss = lossSum / rows;
    if (rows > 0 && this.#plan.classification) metrics.accuracy = correctSum / rows;
    const total = this.#stepsPerEpoch * this.#plan.epochs;
    await this.#plan.onProgress?.({ step, total, metrics, ...(message === undefined ? {} : { message }) });
  }
}

function push(metrics: Metrics, name: string, value: number): void {
  (metrics[name] ??= []).push(value);
}
