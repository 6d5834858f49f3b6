/** The shapes of layers, from the brackets around their numbers. */
import { UpdateRefused } from './frame-errors.ts';

const mostLayers = 65_536;
const mostDimensions = 16;

export class Nesting {
  /** Of the layers that are complete, row-major. */
  readonly shapes: number[][] = [];
  /** Lists of the present layer that are open; 0 between layers. */
  level = 0;
  /** Depth of its numbers, as soon as one or an empty list was seen. */
  #rank: number | undefined;
  /** By depth: how long its lists are, and how long the open one is so far. */
  #sizes: (number | undefined)[] = [];
  #counts: number[] = [];

  open(): void {
    if (this.#rank !== undefined && this.level >= this.#rank) this.#ragged();
    if (this.level >= mostDimensions) {
      throw new UpdateRefused('ShapeInvalid', `${this.layer}: has more than ${mostDimensions} dimensions`);
    }
    if (this.level > 0) this.more(1);
    this.#counts[++this.level] = 0;
  }

  close(): void {
    const { level } = this;
    const size = this.#counts[level] ?? 0;
    if (size === 0 && this.#rank === undefined) this.#rank = level;
    this.#sizes[level] ??= size;
    if (this.#sizes[level] !== size) this.#ragged();
    this.level--;
    if (level === 1) this.#end();
  }

  /** A number, the first of its list or a layer of its own. */
  number(): void {
    if (this.#rank !== this.level) {
      if (this.#rank !== undefined) this.#ragged();
      this.#rank = this.level;
    }
    if (this.level === 0) this.#end();
    else this.more(1);
  }

  /** So many entries of the open list. */
  more(count: number): void {
    (this.#counts[this.level] as number) += count;
  }

  /** For messages. */
  get layer(): string {
    return `layer ${this.shapes.length}`;
  }

  #end(): void {
    if (this.shapes.length === mostLayers) {
      throw new UpdateRefused('NotTensors', `has more than ${mostLayers} layers`);
    }
    this.shapes.push(Array.from({ length: this.#rank ?? 0 }, (_, dimension) => this.#sizes[dimension + 1] ?? 0));
    this.#rank = undefined;
    this.#sizes = [];
    this.#counts = [];
  }

  #ragged(): never {
    throw new UpdateRefused('ShapeInvalid', `${this.layer}: its lists are not of equal length and depth`);
  }
}
