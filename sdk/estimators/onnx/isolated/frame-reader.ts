import { frameLength, HEAD_BYTES, readFrame, type Frame } from './frame.ts';

/** Cuts a stream of bytes into frames. A chunk that holds whole frames is not copied, a frame in many chunks is copied once. */
export class FrameReader {
  /** Beginning of a frame that is not complete. */
  #partial: Buffer | undefined;
  #has = 0;

  /** The frames that this chunk completes. Their tensors are views of the chunk or of memory that nobody else uses. */
  take(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (this.#partial) {
        rest = this.#fill(rest, frames);
        continue;
      }
      const length = frameLength(rest);
      if (length === undefined || length > rest.byteLength) {
        this.#partial = Buffer.allocUnsafeSlow(length ?? HEAD_BYTES);
        continue;
      }
      frames.push(readFrame(aligned(rest.subarray(0, length))));
      rest = rest.subarray(length);
    }
    return frames;
  }

  /** Moves what belongs to the partial frame; gives what is left. */
  #fill(bytes: Buffer, frames: Frame[]): Buffer {
    const partial = this.#partial as Buffer;
    const taken = bytes.copy(partial, this.#has);
    this.#has += taken;
    if (this.#has < partial.byteLength) return bytes.subarray(taken);
    const length = frameLength(partial) ?? 0;
    if (length > partial.byteLength) {
      // Only its head was there.
      this.#partial = Buffer.allocUnsafeSlow(length);
      partial.copy(this.#partial);
      return bytes.subarray(taken);
    }
    frames.push(readFrame(partial));
    this.#partial = undefined;
    this.#has = 0;
    return bytes.subarray(taken);
  }
}

const aligned = (bytes: Buffer): Buffer => {
  if (bytes.byteOffset % 8 === 0) return bytes;
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  bytes.copy(copy);
  return copy;
};
