/** Child process: an ONNX file as blobs of its weights and of the file itself. */
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { modelWeights } from '../../../sdk/features/federated/weights.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { writeWeights } from '../../../sdk/tensors/index.ts';
import type { ImportedModel } from '../../contracts.ts';
import { answerEach, scratchFile } from './lib.ts';

export interface ImportInput {
  blobUrl: string;
  file: string;
  /** A directory of this child's own. */
  scratch: string;
}

/** `null`: no ONNX file, or one without weights that train. */
export type ImportOutput = ImportedModel | null;

answerEach(async ({ blobUrl, file, scratch }: ImportInput): Promise<ImportOutput> => {
  const blobs = openBlobStore(blobUrl);
  const weights = modelWeights(await readFile(file), file);
  if (weights === undefined) return null;
  const { path } = await writeWeights(join(scratch, 'weights.safetensors'), weights, scratchFile);
  return { weights: await blobs.put({ file: path }), file: await blobs.put({ file }) };
});
