/** The blobs of a round as files, for the children that aggregate it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientUpdate } from '../../../sdk/algorithms/aggregation/index.ts';
import { withWeights } from '../../../sdk/estimators/onnx/model-weights.ts';
import { expand } from '../../../sdk/features/federated/compression.ts';
import { writeFileAtomic, type BlobRef, type BlobStore } from '../../../sdk/storage/index.ts';
import { readWeights, TensorFile } from '../../../sdk/tensors/index.ts';
import type { AggregateInput } from '../../contracts.ts';
import { scratchFile } from './lib.ts';

/** SHA-256 of accepted updates that are not in the blob store any more. Their clients have them still, or make them again. */
export async function missingUpdates(
  blobs: BlobStore,
  { updates }: Pick<AggregateInput, 'updates'>,
): Promise<string[]> {
  const missing: string[] = [];
  for (const { blob } of updates) if (!(await blobs.has(blob))) missing.push(blob.sha256);
  return missing;
}

/** Whole weights of each client, in the order of the round. */
export async function openedUpdates(
  { weights, updates }: Pick<AggregateInput, 'weights' | 'updates'>,
  files: RoundFiles,
  global: TensorFile,
): Promise<ClientUpdate[]> {
  const sent = await allOf(updates.map(({ blob }, i) => files.open(blob, `update-${i}`)));
  const bases = new Map([[weights.sha256, global]]);
  const opened: ClientUpdate[] = [];
  for (const [i, { client, samples, metrics, base: from = weights, staleness }] of updates.entries()) {
    const base = bases.get(from.sha256) ?? (await files.open(from, `base-${i}`));
    bases.set(from.sha256, base);
    // Compressed updates are changes of the weights that their client started from. One after the other: each is held in memory.
    const file = await files.whole(sent[i] as TensorFile, `update-${i}`, base);
    opened.push({ client, file, samples, metrics, base, ...(staleness === undefined ? {} : { staleness }) });
  }
  return opened;
}

/** As Promise.all, but when it rejects nothing goes on any more. */
async function allOf<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** The model file with the new weights in the place of the old ones. */
export async function merged(
  blobs: BlobStore,
  file: BlobRef,
  { scratch, weights }: { scratch: string; weights: string },
): Promise<BlobRef> {
  const before = await readFile(await blobs.fileOf(file, join(scratch, 'before')));
  const bytes = withWeights(before, await readWeights(weights), 'the model of the aggregation worker');
  const path = join(scratch, 'model');
  await writeFileAtomic(path, bytes, scratchFile);
  return blobs.put({ file: path, move: true });
}

/** Blobs as open files in the scratch directory. */
export class RoundFiles {
  readonly #blobs: BlobStore;
  readonly #scratch: string;
  readonly #open: TensorFile[] = [];

  constructor(blobs: BlobStore, scratch: string) {
    this.#blobs = blobs;
    this.#scratch = scratch;
  }

  path(name: string): string {
    return join(this.#scratch, `${name}.safetensors`);
  }

  async open(blob: BlobRef, name: string): Promise<TensorFile> {
    return this.#keep(await this.#blobs.fileOf(blob, this.path(name)));
  }

  /** One that was compressed for its way is brought back into the layout of the global weights. */
  async whole(update: TensorFile, name: string, global: TensorFile): Promise<TensorFile> {
    const file = await expand(update, global, this.path(`${name}-whole`));
    return file === undefined ? update : this.#keep(file);
  }

  async #keep(path: string): Promise<TensorFile> {
    const file = await TensorFile.open(path);
    this.#open.push(file);
    return file;
  }

  async close(): Promise<void> {
    for (const file of this.#open) await file.close();
  }
}
