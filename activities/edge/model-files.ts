/** Files of models on a node, by digest: fetched for whoever is started with one, removed when nobody is. */
import { readdirSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { isLocal, localPath, type BlobStore } from '../../sdk/storage/index.ts';
import type { BlobRef, ModelSource } from '../contracts.ts';
import { failure, isBlobLost } from '../lib/failure.ts';
import type { WorkerDependencies } from './worker.ts';

type Dependencies = Pick<WorkerDependencies, 'blobs' | 'stateDir' | 'runtime'>;

/** One that was asked for may be on its way to a worker, or be checked: both end sooner than this. */
const wantedMs = 10 * 60_000;
/** When each was asked for last, by a clock that nobody sets. */
const wanted = new Map<string, number>();

/** The model as a file on this node: the blob's content if there is one, else the file that the url names. */
export async function modelFile(deps: Dependencies, model: ModelSource): Promise<string> {
  if (model.blob === undefined) {
    if (!isLocal(model.url))
      throw failure('ModelUnreadable', `${model.url}: only files of the node can be used so far`);
    return localPath(model.url);
  }
  const path = join(folderOf(deps), `${model.blob.sha256}${extensionOf(model)}`);
  wanted.set(path, performance.now());
  pruneModels(deps);
  await fetchModel(deps.blobs, { ...model, blob: model.blob }, path);
  // Over a slow link that took its time.
  wanted.set(path, performance.now());
  return path;
}

/** Writes a version's file. One that the store has lost or damaged may come back: `ModelUnreadable`, which Temporal tries again. */
export async function fetchModel(
  blobs: BlobStore,
  { url, blob }: { url: string; blob: BlobRef },
  path: string,
): Promise<void> {
  try {
    await blobs.fetchTo(blob, path);
  } catch (error) {
    if (!isBlobLost(error)) throw error;
    const message = `the version of ${url} cannot be read: ${error.message}`;
    throw ApplicationFailure.create({ type: 'ModelUnreadable', message, cause: error });
  }
}

/** Removes files of models that no worker has been given and nobody has asked for lately. Never fails: it is done again with the next one. */
export function pruneModels(deps: Dependencies, olderThanMs = wantedMs): void {
  const folder = folderOf(deps);
  const now = performance.now();
  try {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      // Others are being written.
      if (!/^[0-9a-f]{64}/.test(name)) continue;
      if (now - (wanted.get(path) ?? -Infinity) <= olderThanMs || deps.runtime.uses(path)) continue;
      rmSync(path, { force: true });
      wanted.delete(path);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') process.emitWarning(`${folder}: ${String(error)}`);
  }
}

function folderOf({ stateDir }: Dependencies): string {
  return join(stateDir, 'models');
}

function extensionOf({ url, format }: ModelSource): string {
  if (!/^[A-Za-z0-9._-]*$/.test(format)) {
    const told = JSON.stringify(format.slice(0, 64));
    throw failure('InvalidSpec', `spec.format of the Model (${told}) must have letters, digits, '.', '_' and '-' only`);
  }
  return extname(url) || (format === '' ? '' : `.${format}`);
}
