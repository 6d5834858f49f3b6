import { OnnxError, messageOf } from '../errors.ts';
import { sizeOf } from '../graph/shape.ts';
import { floatTensorOver, inputTensor, int32Scalar, openSession } from '../runtime.ts';
import type { FloatTensor, Session, SessionOptions, Tensor } from '../runtime.ts';
import type { InputArray } from '../samples.ts';
import type { Slot, StepGraph } from './step-graph.ts';
import type { TrainingState } from './state.ts';

export interface StepResult {
  /** Mean over the rows of the batch. */
  loss: number;
  /** Rows that were classified rightly; 0 for regression. */
  correct: number;
}

/** The scalars of one training step; a step reads those that its graph asks for. */
export interface StepInputs {
  learningRate?: number;
  /** Default 1. */
  share?: number;
  /** Any int32. Default 0. */
  seed?: number;
}

interface Binding extends Slot {
  /** Over the two buffers of the state. */
  tensors: readonly [FloatTensor, FloatTensor];
}

/**
 * A step graph of one batch size, loaded. Weights and optimizer state are read from one half of the state's buffers and
 * written by the runtime straight into the other half, so a step copies no weights.
 */
export class StepSession {
  readonly inputs: InputArray;
  readonly targets: Float32Array;
  readonly #graph: StepGraph;
  readonly #session: Session;
  readonly #state: TrainingState;
  readonly #bindings: readonly Binding[];
  readonly #fixedFeeds: Record<string, Tensor>;
  readonly #fixedFetches: Record<string, Tensor>;
  readonly #scalars = { learningRate: new Float32Array(1), step: new Float32Array(1), share: new Float32Array(1) };
  readonly #seed = new Int32Array(1);
  readonly #loss = new Float32Array(1);
  readonly #correct = new Float32Array(1);

  constructor(graph: StepGraph, session: Session, state: TrainingState) {
    this.#graph = graph;
    this.#session = session;
    this.#state = state;
    const input = inputTensor(graph.input.elemType, graph.input.shape);
    this.inputs = input.data;
    this.targets = new Float32Array(sizeOf(graph.target.shape));
    this.#fixedFeeds = {
      [graph.input.name]: input.tensor,
      [graph.target.name]: floatTensorOver(this.targets, graph.target.shape),
      ...this.#scalarFeeds(),
    };
    this.#fixedFetches = { [graph.loss]: floatTensorOver(this.#loss, []) };
    if (graph.correct !== undefined) this.#fixedFetches[graph.correct] = floatTensorOver(this.#correct, []);
    const slots = [...graph.parameters, ...graph.buffers, ...graph.state, ...graph.accumulated, ...graph.starts];
    this.#bindings = slots.map((slot) => {
      const [first, second] = state.buffers(slot.name, slot.shape);
      return { ...slot, tensors: [floatTensorOver(first, slot.shape), floatTensorOver(second, slot.shape)] };
    });
  }

  static async open(
    graph: StepGraph,
    state: TrainingState,
    options: SessionOptions | number = {},
  ): Promise<StepSession> {
    const session = typeof options === 'number' ? { threads: options } : options;
    return new StepSession(graph, await openSession(graph.bytes, session, 'the training step'), state);
  }

  /** Runs the step on what `inputs` and `targets` hold; a training step leaves the new weights in the state. */
  async run(inputs: StepInputs = {}): Promise<StepResult> {
    this.#setScalars(inputs);
    const feeds = { ...this.#fixedFeeds };
    const fetches = { ...this.#fixedFetches };
    for (const { name, next, tensors } of this.#bindings) {
      const half = this.#state.half(name);
      feeds[name] = tensors[half];
      if (next !== name) fetches[next] = tensors[half === 0 ? 1 : 0];
    }
    try {
      await this.#session.run(feeds, fetches);
    } catch (error) {
      throw new OnnxError('RuntimeFailed', `the training step failed: ${messageOf(error)}`, { cause: error });
    }
    this.#finish();
    return { loss: this.#loss[0] ?? NaN, correct: this.#correct[0] ?? 0 };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  #setScalars({ learningRate = 0, share = 1, seed = 0 }: StepInputs): void {
    this.#scalars.learningRate[0] = learningRate;
    this.#scalars.step[0] = this.#state.step + 1;
    this.#scalars.share[0] = share;
    this.#seed[0] = seed;
  }

  /** What the step has written becomes the present state. */
  #finish(): void {
    for (const { name, next } of this.#bindings) if (next !== name) this.#state.flip(name);
    if (this.#graph.scalars?.step === undefined) return;
    this.#state.step++;
    for (const { name } of this.#graph.accumulated) this.#state.clear(name);
  }

  #scalarFeeds(): Record<string, Tensor> {
    const { learningRate, step, share, seed } = this.#graph.scalars ?? {};
    const feeds: Record<string, Tensor> = {};
    if (learningRate !== undefined) feeds[learningRate] = floatTensorOver(this.#scalars.learningRate, []);
    if (step !== undefined) feeds[step] = floatTensorOver(this.#scalars.step, []);
    if (share !== undefined) feeds[share] = floatTensorOver(this.#scalars.share, []);
    if (seed !== undefined) feeds[seed] = int32Scalar(this.#seed);
    return feeds;
  }
}
