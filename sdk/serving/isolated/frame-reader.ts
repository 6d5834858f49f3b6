import { frameLength, HEAD_BYTES, readFrame, type Frame } from './frame.ts';

/** Cuts a stream of bytes into frames. A chunk that holds whole frames is not copied, a frame in many chunks is copied once. */
export class FrameReader {
  readonly #reuse: boolean;
  /** Beginning of a frame that is not complete. */
  #partial: Buffer | undefined;
  #has = 0;
  /** Memory of the last frame in many chunks. */
  #kept: Buffer | undefined;

  /** @param options.reuse each frame is done with before the next chunk is taken: memory of large ones is used again. */
  constructor({ reuse = false }: { reuse?: boolean } = {}) {
    this.#reuse = reuse;
  }

  /** The frames that this chunk completes. Their tensors are views of the chunk or of memory that nobody else uses (yet, with `reuse`). */
  *take(chunk: Buffer): Generator<Frame, void, void> {
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (this.#partial) {
        rest = rest.subarray(this.#fill(rest));
        const frame = this.#completed();
        if (frame) yield frame;
        continue;
      }
      const length = frameLength(rest);
      if (length === undefined || length > rest.byteLength) {
        this.#partial = this.#memory(length ?? HEAD_BYTES);
        continue;
      }
      yield readFrame(aligned(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
  }

  /** Where the rest of a frame belongs whose beginning is there: what is read to there needs no copy, and `filled` is told. */
  space(): Buffer | undefined {
    return this.#partial?.subarray(this.#has);
  }

  /** So many bytes were read to the beginning of `space`. */
  *filled(bytes: number): Generator<Frame, void, void> {
    this.#has += bytes;
    const frame = this.#completed();
    if (frame) yield frame;
  }

  /** Moves what belongs to the partial frame; gives how much that was. */
  #fill(bytes: Buffer): number {
    const taken = bytes.copy(this.#partial as Buffer, this.#has);
    this.#has += taken;
    return taken;
  }

  #completed(): Frame | undefined {
    const partial = this.#partial as Buffer;
    if (this.#has < partial.byteLength) return undefined;
    const length = frameLength(partial) ?? 0;
    if (length > partial.byteLength) {
      // Only its head was there.
      const head = Buffer.from(partial);
      this.#partial = this.#memory(length);
      head.copy(this.#partial);
      return undefined;
    }
    this.#partial = undefined;
    this.#has = 0;
    return readFrame(partial);
  }

  #memory(bytes: number): Buffer {
    if (!this.#reuse) return Buffer.allocUnsafeSlow(bytes);
    if (!this.#kept || this.#kept.byteLength < bytes) this.#kept = Buffer.allocUnsafeSlow(bytes);
    return this.#kept.subarray(0, bytes);
  }
}

const aligned = (bytes: Buffer): Buffer => {
  if (bytes.byteOffset % 8 === 0) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  bytes.copy(copy);
  return copy;
};
