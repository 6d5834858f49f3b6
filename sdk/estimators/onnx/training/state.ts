import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';

/** Two buffers: a step reads `half` and writes the other, because an update may be computed before the last node that reads the old value. */
interface Entry {
  buffers: readonly [Float32Array, Float32Array];
  half: 0 | 1;
}

/** Weights, running statistics, optimizer state and accumulated gradients of a training in progress, by name. */
export class TrainingState {
  /** Optimizer updates so far. */
  step = 0;
  readonly #entries = new Map<string, Entry>();

  /** Starts from these weights; whatever else a step asks for starts at zero. The arrays are copied. */
  constructor(weights: Iterable<[string, Float32Array]>) {
    for (const [name, data] of weights) this.set(name, data);
  }

  buffers(name: string, shape: Shape): readonly [Float32Array, Float32Array] {
    const present = this.#entries.get(name);
    if (present) return present.buffers;
    const size = sizeOf(shape);
    const buffers = [new Float32Array(size), new Float32Array(size)] as const;
    this.#entries.set(name, { buffers, half: 0 });
    return buffers;
  }

  set(name: string, data: Float32Array): void {
    const present = this.#entries.get(name);
    if (present) present.buffers[present.half].set(data);
    else this.#entries.set(name, { buffers: [data.slice(), data.slice()], half: 0 });
  }

  /** Present values by name, not copied: valid until the next step. */
  *entries(): Iterable<[string, Float32Array]> {
    for (const [name, { buffers, half }] of this.#entries) yield [name, buffers[half]];
  }

  get(name: string): Float32Array | undefined {
    const entry = this.#entries.get(name);
    return entry?.buffers[entry.half];
  }

  /** Which of the two buffers holds the present value. */
  half(name: string): 0 | 1 {
    return this.#entries.get(name)?.half ?? 0;
  }

  /** The other buffer, which a step has written, becomes the present value. */
  flip(name: string): void {
    const entry = this.#entries.get(name);
    if (entry) entry.half = entry.half === 0 ? 1 : 0;
  }

  clear(name: string): void {
    this.get(name)?.fill(0);
  }
}
