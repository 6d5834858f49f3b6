/** Child process: the updates of a round become the next global weights. Reads and writes blobs only, so it may be repeated. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  nodeStrategy,
  Kernel,
  type AggregationRound,
  type ClientUpdate,
} from '../../../sdk/algorithms/aggregation/index.ts';
import { withWeights } from '../../../sdk/estimators/onnx/model-weights.ts';
import { expand } from '../../../sdk/features/federated/compression.ts';
import { openBlobStore, writeFileAtomic, type BlobRef, type BlobStore } from '../../../sdk/storage/index.ts';
import { readWeights, TensorFile } from '../../../sdk/tensors/index.ts';
import type { AggregateInput, AggregateResult } from '../../contracts.ts';
import { answerEach } from './lib.ts';

export interface AggregateChildInput {
  blobUrl: string;
  round: AggregateInput;
  /** Files with strategies of this node. */
  modules: readonly string[];
  /** A directory of this child's own. */
  scratch: string;
}

answerEach(async ({ blobUrl, round, modules, scratch }: AggregateChildInput): Promise<AggregateResult> => {
  const blobs = openBlobStore(blobUrl);
  // Before anything is fetched: a name that nobody knows needs no data to be refused.
  const strategy = await nodeStrategy(round.strategy, modules);
  const files = new Files(blobs, scratch);
  const kernel = new Kernel();
  try {
    const { model, state, left, metrics } = await strategy.aggregate(await opened(round, files, kernel));
    return {
      weights: await blobs.put({ file: model.path }),
      ...(state === undefined ? {} : { state: await blobs.put({ file: state.path }) }),
      ...(round.file === undefined ? {} : { file: await merged(blobs, round.file, { scratch, weights: model.path }) }),
      left,
      metrics,
    };
  } finally {
    await kernel.close();
    await files.close();
  }
});

async function opened(round: AggregateInput, files: Files, kernel: Kernel): Promise<AggregationRound> {
  const global = await files.open(round.weights, 'global');
  const bases = new Map([[round.weights.sha256, global]]);
  const updates: ClientUpdate[] = [];
  for (const [
    i,
    { client, blob, samples, metrics, base: from = round.weights, staleness },
  ] of round.updates.entries()) {
    const base = bases.get(from.sha256) ?? (await files.open(from, `base-${i}`));
    bases.set(from.sha256, base);
    // Compressed updates are changes of the weights that their client started from.
    const file = await files.openUpdate(blob, `update-${i}`, base);
    updates.push({ client, file, samples, metrics, base, ...(staleness === undefined ? {} : { staleness }) });
  }
  return {
    round: round.round,
    global,
    updates,
    ...(round.state === undefined ? {} : { state: await files.open(round.state, 'state') }),
    out: { model: files.path('next'), state: files.path('next-state') },
    kernel,
  };
}

/** The model file with the new weights in the place of the old ones. */
async function merged(
  blobs: BlobStore,
  file: BlobRef,
  { scratch, weights }: { scratch: string; weights: string },
): Promise<BlobRef> {
  const path = join(scratch, 'model');
  await blobs.fetchTo(file, path);
  const bytes = withWeights(await readFile(path), await readWeights(weights), 'the model of the aggregation worker');
  await writeFileAtomic(path, bytes);
  return blobs.put({ file: path });
}

/** Blobs as open files in the scratch directory. */
class Files {
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
    await this.#blobs.fetchTo(blob, this.path(name));
    return this.#keep(this.path(name));
  }

  /** One that was compressed for its way is brought back into the layout of the global weights. */
  async openUpdate(blob: BlobRef, name: string, global: TensorFile): Promise<TensorFile> {
    await this.#blobs.fetchTo(blob, this.path(name));
    return this.#keep(await expand(this.path(name), global, this.path(`${name}-whole`)));
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
