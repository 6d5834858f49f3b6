/** Child process: a model file as a blob of its weights, and of the file itself where that is ONNX. */
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { modelWeights } from '../../../sdk/features/federated/weights.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import type { Weights } from '../../../sdk/estimators/estimator.ts';
import { readWeights, TensorError, writeWeights } from '../../../sdk/tensors/index.ts';
import type { ImportedModel } from '../../contracts.ts';
import { answerEach, scratchFile } from './lib.ts';

export interface ImportInput {
  blobUrl: string;
  file: string;
  /** A directory of this child's own. */
  scratch: string;
}

/** `null`: neither safetensors nor ONNX, or without weights that train. */
export type ImportOutput = ImportedModel | null;

answerEach(async ({ blobUrl, file, scratch }: ImportInput): Promise<ImportOutput> => {
  const blobs = openBlobStore(blobUrl);
  const onnx = modelWeights(await readFile(file), file);
  const weights = onnx ?? (await bareWeights(file));
  if (weights === undefined) return null;
  const { path } = await writeWeights(join(scratch, 'weights.safetensors'), weights, scratchFile);
  const ref = await blobs.put({ file: path });
  return onnx === undefined ? { weights: ref } : { weights: ref, file: await blobs.put({ file }) };
});

/** What rounds without a model file publish. */
async function bareWeights(file: string): Promise<Weights | undefined> {
  try {
    const weights = await readWeights(file);
    return Object.keys(weights).length === 0 ? undefined : weights;
  } catch (error) {
    if (error instanceof TensorError) return undefined;
    throw error;
  }
}
