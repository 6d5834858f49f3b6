/** Memory of large bodies, used again: giving it to the garbage collector with each request costs more than reading the body. */
const STEP_BYTES = 64 * 1024;

export class MemoryPool {
  readonly #free = new Map<number, Buffer[]>();
  readonly #limit: number;
  /** What it made itself. */
  readonly #own = new WeakSet<ArrayBufferLike>();
  #kept = 0;

  /** @param limit of what is kept for later, in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** At least so many bytes; of any content. */
  take(bytes: number): Buffer {
    const size = Math.ceil(bytes / STEP_BYTES) * STEP_BYTES;
    const found = this.#free.get(size)?.pop();
    if (found) {
      this.#kept -= size;
      return found;
    }
    const made = Buffer.allocUnsafeSlow(size);
    this.#own.add(made.buffer);
    return made;
  }

  /** Gives back what `take` gave (or a part of it, for the whole), once, when nobody looks at it any more. Other memory is left alone. */
  give({ buffer }: Buffer): void {
    const size = buffer.byteLength;
    if (!this.#own.has(buffer) || this.#kept + size > this.#limit) return;
    const list = this.#free.get(size) ?? [];
    this.#free.set(size, list);
    list.push(Buffer.from(buffer));
    this.#kept += size;
  }
}
