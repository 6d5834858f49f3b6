import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';

type Buffers = [Float32Array, Float32Array];

/**
 * Weights and optimizer state of a training in progress, two buffers each: a step reads half `half` and writes the other.
 * Two, because an update may be computed before the last node that reads the old weight.
 */
export class TrainingState {
  /** Which buffer holds the present values. */
  half: 0 | 1 = 0;
  /** Optimizer updates so far. */
  step = 0;
  readonly #buffers = new Map<string, Buffers>();

  /** Starts from these weights; whatever else a step asks for starts at zero. The arrays are copied. */
  constructor(weights: Iterable<[string, Float32Array]>) {
    for (const [name, data] of weights) this.set(name, data);
  }

  buffers(name: string, shape: Shape): Buffers {
    const present = this.#buffers.get(name);
    if (present) return present;
    const made: Buffers = [new Float32Array(sizeOf(shape)), new Float32Array(sizeOf(shape))];
    this.#buffers.set(name, made);
    return made;
  }

  set(name: string, data: Float32Array): void {
    const present = this.#buffers.get(name);
    if (present) present[this.half].set(data);
    else this.#buffers.set(name, [data.slice(), data.slice()]);
  }

  /** Present values by name, not copied: valid until the next step. */
  *entries(): Iterable<[string, Float32Array]> {
    for (const [name, buffers] of this.#buffers) yield [name, buffers[this.half]];
  }

  get(name: string): Float32Array | undefined {
    return this.#buffers.get(name)?.[this.half];
  }

  advance(): void {
    this.half = this.half === 0 ? 1 : 0;
    this.step++;
  }
}
