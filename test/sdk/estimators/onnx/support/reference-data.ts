import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  InputArray,
  OnnxSamples,
  OptimizerOptions,
  ScheduleOptions,
} from '../../../../../sdk/estimators/onnx/index.ts';

const FOLDER = join(import.meta.dirname, '..', 'reference');
const CLASSES = 4;

/** What reference/make_reference.py has stored of one training. */
export interface Reference {
  rows: number;
  batch: number;
  data: { kind: 'images' | 'tokens'; seed: number; shape: number[]; vocabulary?: number };
  optimizer: OptimizerOptions;
  schedule: ScheduleOptions;
  clipNorm?: number;
  labelSmoothing?: number;
  /** Largest relative difference of the loss between PyTorch and itself from weights that differ in the last bit, over 8 runs. */
  ownDrift: number;
  losses: number[];
  /** Running statistics at the end. */
  running: Record<string, number[]>;
}

export function readReference(name: string): Reference {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as Reference;
}

export function referenceModel(name: string): string {
  return join(FOLDER, `${name}.onnx`);
}

/** The generator of make_reference.py. */
class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  next(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state >>> 16;
  }

  uniform(): number {
    return (this.next() - 32768) / 32768;
  }

  below(n: number): number {
    return this.next() % n;
  }
}

/** The data that the reference was trained on, bit by bit. */
export function referenceSamples({ rows, data }: Reference): OnnxSamples<InputArray> {
  const draw = new Draw(data.seed);
  const { shape } = data;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (data.kind === 'tokens') {
    const { vocabulary = 1 } = data;
    const inputs = Int32Array.from({ length: rows * size }, () => draw.below(vocabulary));
    const labels = Int32Array.from({ length: rows }, (_, i) =>
      Math.floor(((inputs[i * size] ?? 0) * CLASSES) / vocabulary),
    );
    return { inputs, labels, count: rows, shape };
  }
  const inputs = Float32Array.from({ length: rows * size }, () => draw.uniform());
  const labels = Int32Array.from({ length: rows }, () => draw.below(CLASSES));
  const stripe = Math.floor(size / CLASSES);
  labels.forEach((label, row) => {
    for (let i = 0; i < stripe; i++) {
      const at = row * size + label * stripe + i;
      inputs[at] = (inputs[at] ?? 0) + 0.5;
    }
  });
  return { inputs, labels, count: rows, shape };
}
