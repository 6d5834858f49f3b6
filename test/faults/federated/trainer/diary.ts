/** An estimator that writes down when it trains for which task, and whether that had an answer already. */
import { appendFileSync, existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Estimator, FeatureSet, Metrics, TrainOptions, Weights } from '../../../../sdk/index.ts';
import type { OnnxEstimator } from '../../../../sdk/estimators/onnx/index.ts';

type Samples = Parameters<OnnxEstimator['train']>[0];

export interface Entry {
  /** Name of the task's folder on the node: kind, round, client, run. An encoding is not told its folder: `encode` and the worker. */
  task: string;
  event: 'begins' | 'ends';
  /** Of the process. */
  pid: number;
  /** ms since 1970. */
  at: number;
  /** A checkpoint of an earlier process was there: the same training goes on. */
  goesOn: boolean;
  /** The node held an answer to this very task when the training began. */
  answered: boolean;
}

export class Diary implements Estimator<Samples> {
  readonly #of: OnnxEstimator;
  readonly #file: string;

  constructor(of: OnnxEstimator, file: string) {
    this.#of = of;
    this.#file = file;
  }

  async train(samples: Samples, options: TrainOptions = {}): Promise<Metrics> {
    const { checkpoint = '' } = options;
    const folder = dirname(checkpoint);
    const answered = ['answer.json', 'result.json', 'update.safetensors.answer.json'].some((name) =>
      existsSync(join(folder, name)),
    );
    const entry = { task: basename(folder), pid: process.pid, goesOn: existsSync(checkpoint), answered };
    return this.#written(entry, () => this.#of.train(samples, options));
  }

  features(samples: Samples, layer: string): Promise<FeatureSet> {
    const entry = {
      task: `encode of ${basename(this.#file, '.jsonl')}`,
      pid: process.pid,
      goesOn: false,
      answered: false,
    };
    return this.#written(entry, () => this.#of.features(samples, layer));
  }

  async #written<T>(entry: Omit<Entry, 'event' | 'at'>, act: () => Promise<T>): Promise<T> {
    const write = (event: Entry['event']): void =>
      appendFileSync(this.#file, `${JSON.stringify({ ...entry, event, at: Date.now() } satisfies Entry)}\n`);
    write('begins');
    const result = await act();
    write('ends');
    return result;
  }

  evaluate(samples: Samples): Promise<Metrics> {
    return this.#of.evaluate(samples);
  }

  getWeights(): Promise<Weights> {
    return this.#of.getWeights();
  }

  setWeights(weights: Weights): Promise<void> {
    return this.#of.setWeights(weights);
  }

  save(path: string): Promise<void> {
    return this.#of.save(path);
  }
}
