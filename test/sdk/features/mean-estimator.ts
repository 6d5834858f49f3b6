import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Estimator, Metrics, TrainOptions } from '../../../sdk/index.ts';

/** A whole estimator in one number: predicts the mean of what it saw. Its model file is that number as JSON. */
export class MeanEstimator implements Estimator<number[], number, number> {
  mean = NaN;
  /** Set to fail in the middle of a training, as a crash would. */
  crashAfter = Infinity;
  startedAt = 0;

  async train(samples: number[], { onProgress, checkpoint, validation }: TrainOptions = {}): Promise<Metrics> {
    let { sum, step } = checkpoint && existsSync(checkpoint) ? this.state(checkpoint) : { sum: 0, step: 0 };
    this.startedAt = step;
    for (; step < samples.length; step++) {
      if (step === this.crashAfter) throw new Error('out of memory');
      sum += samples[step] ?? 0;
      if (checkpoint) writeFileSync(checkpoint, JSON.stringify({ sum, step: step + 1 }));
      await onProgress?.({ step: step + 1, total: samples.length });
    }
    this.mean = sum / samples.length;
    if (checkpoint) rmSync(checkpoint, { force: true });
    return { loss: [0.5, 0.25], validated: [Number(validation !== undefined)] };
  }

  async evaluate(samples: number[]): Promise<Metrics> {
    const error = samples.reduce((sum, sample) => sum + Math.abs(sample - this.mean), 0) / samples.length;
    return { error: [error] };
  }

  async predict(input: number): Promise<number> {
    return input - this.mean;
  }

  async save(path: string): Promise<void> {
    writeFileSync(path, JSON.stringify(this.mean));
  }

  async load(path: string): Promise<void> {
    const loaded: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof loaded !== 'number') throw new Error('is not a number');
    this.mean = loaded;
  }

  private state(checkpoint: string): { sum: number; step: number } {
    return JSON.parse(readFileSync(checkpoint, 'utf8')) as { sum: number; step: number };
  }
}
