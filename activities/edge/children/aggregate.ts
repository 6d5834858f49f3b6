/** Child process: the updates of a round become the next global weights. Reads and writes blobs only, so it may be repeated. */
import {
  isOwnStrategy,
  nodeStrategy,
  Kernel,
  type AggregationRound,
} from '../../../sdk/algorithms/aggregation/index.ts';
import { openBlobStore, StorageError } from '../../../sdk/storage/index.ts';
import type { WrittenTensors } from '../../../sdk/tensors/index.ts';
import type { AggregateInput, AggregateResult } from '../../contracts.ts';
import { answerEach, scratchFile } from './lib.ts';
import { merged, missingUpdates, openedUpdates, RoundFiles } from './round-files.ts';

export interface AggregateChildInput {
  blobUrl: string;
  round: AggregateInput;
  /** Files with strategies of this node. */
  modules: readonly string[];
  /** A directory of this child's own. */
  scratch: string;
}

/** `missing`: SHA-256 of updates that the blob store has not. */
export type AggregateChildOutput = AggregateResult | { missing: string[] };

/** Kept from round to round: starting its threads takes longer than most means. */
let kept: Kernel | undefined;

answerEach(async ({ blobUrl, round, modules, scratch }: AggregateChildInput): Promise<AggregateChildOutput> => {
  const kernel = (kept ??= new Kernel(scratchFile));
  // Of many files at once, on all cores.
  const blobs = openBlobStore(blobUrl, { digest: (file) => kernel.digest(file) });
  // Before anything is fetched: a name that nobody knows needs no data to be refused.
  const strategy = await nodeStrategy(round.strategy, modules);
  const files = new RoundFiles(blobs, scratch);
  try {
    const given = await opened(round, files, kernel);
    const { model, state, left, metrics } = await strategy.aggregate(given);
    const into = { scratch, weights: model.path };
    const file = round.file === undefined ? {} : { file: await merged(blobs, round.file, into) };
    const isOwn = isOwnStrategy(round.strategy.name);
    // Only what was made where it should be: a strategy of somebody else's may name any file, and any digest.
    const stored = (made: WrittenTensors, out: string) =>
      blobs.put({ file: made.path, move: made.path === out, ...(isOwn ? { digest: made } : {}) });
    return {
      weights: await stored(model, given.out.model),
      ...(state === undefined ? {} : { state: await stored(state, given.out.state) }),
      ...file,
      left,
      metrics,
    };
  } catch (error) {
    // It may be one whose threads have died.
    kept = undefined;
    await kernel.close();
    // Looked for only now: of thousands each look costs, and nearly always all are there.
    const isBlob = error instanceof StorageError && error.code === 'BlobNotFound';
    const missing = isBlob ? await missingUpdates(blobs, round) : [];
    if (missing.length > 0) return { missing };
    throw error;
  } finally {
    await files.close();
  }
});

async function opened(round: AggregateInput, files: RoundFiles, kernel: Kernel): Promise<AggregationRound> {
  const global = await files.open(round.weights, 'global');
  const updates = await openedUpdates(round, files, global);
  return {
    round: round.round,
    global,
    updates,
    ...(round.state === undefined ? {} : { state: await files.open(round.state, 'state') }),
    out: { model: files.path('next'), state: files.path('next-state') },
    kernel,
  };
}
