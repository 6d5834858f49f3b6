/** Judging a global model where the test data of the job is. */
import { ApplicationFailure } from '@temporalio/common';
import type { BlobStore } from '../../sdk/storage/index.ts';
import type { EvaluateModelInput, EvaluateModelResult } from '../contracts.ts';
import { failure } from '../lib/failure.ts';
import type { EvaluateChildInput } from './children/evaluate-model.ts';
import { ChildError, inChild } from './lib/child.ts';
import { nodePath } from './lib/node-path.ts';

/** Repeatable: it only reads. */
export async function evaluateModel(
  blobs: BlobStore,
  evaluation: EvaluateModelInput,
  { scratch, signal }: { scratch: string; signal: AbortSignal },
): Promise<EvaluateModelResult> {
  const file = nodePath('spec.url of the Dataset', evaluation.dataset.url);
  const input: EvaluateChildInput = { blobUrl: blobs.url, evaluation, file, scratch };
  return inChild<EvaluateModelResult>('evaluate-model', input, signal).catch(refused);
}

const ofModel = ['InvalidModel', 'UnsupportedOperator', 'InvalidSamples', 'NotEnoughMemory', 'RuntimeFailed'];

/** A round must not wait for somebody to mend the test data: it goes on unjudged, with the reason. */
function refused(error: unknown): never {
  if (!(error instanceof ChildError) || error.reason === undefined) throw error;
  const { reason: type, message } = error;
  if (type === 'DatasetUnreadable')
    throw ApplicationFailure.create({ type, message, nonRetryable: true, cause: error });
  if (ofModel.includes(type)) throw failure('WorkerFailed', `${type}: ${message}`, error);
  throw error;
}
