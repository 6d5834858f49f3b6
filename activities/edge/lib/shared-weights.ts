/** Global weights for the tasks of a node: every client of a round starts from the same ones, so one copy of the blob is made for all. */
import { link, rm, stat } from 'node:fs/promises';
import type { BlobRef, BlobStore } from '../../../sdk/storage/index.ts';

/** A copy that was verified, as it was then. */
interface Copy {
  path: string;
  ino: number;
  bytes: number;
  mtimeMs: number;
}

/** Of how many blobs it is known where a copy is. */
const keptBlobs = 8;
/** A power cut ends the worker as well; what counts by then is a blob, and what does not is asked for again. */
const onNode = { flush: false };

/**
 * Puts a blob where a task of this node wants it: fetched and verified for the first that asks, and a link to that file for the
 * others, as long as it was not touched. So tasks may only read it. The blob itself is linked to by nobody.
 */
export class SharedWeights {
  readonly #blobs: BlobStore;
  /** By SHA-256, oldest first. Undefined: it could not be fetched. */
  readonly #copies = new Map<string, Promise<Copy | undefined>>();

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  async fetchTo(ref: BlobRef, path: string): Promise<void> {
    const known = this.#copies.get(ref.sha256);
    const copy = await known;
    if (copy !== undefined && (await linked(copy, path))) return;
    // Somebody else may have found out the same meanwhile.
    if (this.#copies.get(ref.sha256) !== known) return this.fetchTo(ref, path);
    const fetched = this.#blobs.fetchTo(ref, path, onNode).then(() => copyAt(path));
    this.#keep(
      ref.sha256,
      fetched.catch(() => undefined),
    );
    await fetched;
  }

  #keep(sha256: string, copy: Promise<Copy | undefined>): void {
    this.#copies.delete(sha256);
    this.#copies.set(sha256, copy);
    const [oldest] = this.#copies.keys();
    if (this.#copies.size > keptBlobs && oldest !== undefined) this.#copies.delete(oldest);
  }
}

/** False: there is no such file any more, it was changed, or something is at `path` already. */
async function linked(copy: Copy, path: string): Promise<boolean> {
  try {
    await link(copy.path, path);
  } catch {
    return false;
  }
  const { ino, bytes, mtimeMs } = await copyAt(path);
  if (ino === copy.ino && bytes === copy.bytes && mtimeMs === copy.mtimeMs) return true;
  await rm(path, { force: true });
  return false;
}

async function copyAt(path: string): Promise<Copy> {
  const { ino, size, mtimeMs } = await stat(path);
  return { path, ino, bytes: size, mtimeMs };
}
