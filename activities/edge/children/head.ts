/** What the children that work on the head of a cut model have in common. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mistNet, type MistNet } from '../../../sdk/algorithms/aggregation/index.ts';
import { cutModel, OnnxError, OnnxEstimator, type CutModel } from '../../../sdk/estimators/onnx/index.ts';
import type { BlobStore } from '../../../sdk/storage/index.ts';
import type { InspectCutInput } from '../../contracts.ts';

export interface HeadChildInput<I> {
  blobUrl: string;
  input: I;
  /** A directory of this child's own. */
  scratch: string;
}

/** The manifest asks for what the model cannot give; `reason` says so to the activity. */
export class CutError extends Error {
  readonly reason = 'CutInvalid';
}

export interface Cut extends CutModel {
  parameters: MistNet;
  /** Bytes of the whole model. */
  bytes: Uint8Array;
  /** Of the head. What a job's `trainingConfig` says wins over what is written here. */
  estimator: OnnxEstimator;
}

export async function cutOf(
  blobs: BlobStore,
  { file, parameters, loss }: InspectCutInput,
  scratch: string,
): Promise<Cut> {
  const given = mistNet(parameters);
  const bytes = await readFile(await blobs.fileOf(file, join(scratch, 'model.onnx')));
  try {
    const cut = await cutModel(bytes, given.layer, 'the Model');
    const optimizer = { name: 'adam', learningRate: 0.001 } as const;
    const estimator = new OnnxEstimator({ model: cut.head, loss, optimizer, epochs: 5, batchSize: 32, threads: 1 });
    return { ...cut, parameters: given, bytes, estimator };
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    throw new CutError(`spec.aggregation.parameters.cut_layer: ${error.message}`, { cause: error });
  }
}
