import { sizeOf } from '../graph/shape.ts';
import { floatTensorOver, openSession } from '../runtime.ts';
import type { FloatTensor, Session } from '../runtime.ts';
import type { StepGraph } from './step-graph.ts';
import type { TrainingState } from './state.ts';

export interface StepResult {
  /** Mean over the rows of the batch. */
  loss: number;
  /** Rows that were classified rightly; 0 for regression. */
  correct: number;
}

/**
 * A step graph of one batch size, loaded. Weights and optimizer state are read from one half of the state's buffers and
 * written by the runtime straight into the other half, so a step copies no weights.
 */
export class StepSession {
  readonly inputs: Float32Array;
  readonly targets: Float32Array;
  readonly #graph: StepGraph;
  readonly #session: Session;
  readonly #state: TrainingState;
  readonly #halves: readonly [Half, Half];
  readonly #learningRate = new Float32Array(1);
  readonly #step = new Float32Array(1);
  readonly #loss = new Float32Array(1);
  readonly #correct = new Float32Array(1);

  constructor(graph: StepGraph, session: Session, state: TrainingState) {
    this.#graph = graph;
    this.#session = session;
    this.#state = state;
    this.inputs = new Float32Array(sizeOf(graph.input.shape));
    this.targets = new Float32Array(sizeOf(graph.target.shape));
    this.#halves = [this.#half(0), this.#half(1)];
  }

  static async open(graph: StepGraph, state: TrainingState, threads?: number): Promise<StepSession> {
    return new StepSession(graph, await openSession(graph.bytes, { threads }, 'the training step'), state);
  }

  /** Runs the step on what `inputs` and `targets` hold; a training step leaves the new weights in the state. */
  async run(learningRate = 0): Promise<StepResult> {
    const { feeds, fetches } = this.#halves[this.#state.half];
    this.#learningRate[0] = learningRate;
    this.#step[0] = this.#state.step + 1;
    await this.#session.run(feeds, fetches);
    if (this.#graph.scalars) this.#state.advance();
    return { loss: this.#loss[0] ?? NaN, correct: this.#correct[0] ?? 0 };
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  #half(from: 0 | 1): Half {
    const { input, target, scalars, parameters, state, loss, correct } = this.#graph;
    const feeds: Record<string, FloatTensor> = {
      [input.name]: floatTensorOver(this.inputs, input.shape),
      [target.name]: floatTensorOver(this.targets, target.shape),
    };
    const fetches: Record<string, FloatTensor> = { [loss]: floatTensorOver(this.#loss, []) };
    if (correct !== undefined) fetches[correct] = floatTensorOver(this.#correct, []);
    if (scalars) {
      feeds[scalars.learningRate] = floatTensorOver(this.#learningRate, []);
      feeds[scalars.step] = floatTensorOver(this.#step, []);
    }
    for (const slot of [...parameters, ...state]) {
      const buffers = this.#state.buffers(slot.name, slot.shape);
      feeds[slot.name] = floatTensorOver(buffers[from], slot.shape);
      if (scalars) fetches[slot.next] = floatTensorOver(buffers[1 - from] as Float32Array, slot.shape);
    }
    return { feeds, fetches };
  }
}

interface Half {
  feeds: Record<string, FloatTensor>;
  fetches: Record<string, FloatTensor>;
}
