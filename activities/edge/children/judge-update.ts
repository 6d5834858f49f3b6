/** Child process: decides whether an update counts, brings it into its final form and stores it as a blob. */
import { join } from 'node:path';
import { checkUpdate, type CheckedUpdate } from '../../../sdk/algorithms/aggregation/index.ts';
import { matchesAny } from '../../../sdk/estimators/onnx/globs.ts';
import { compress } from '../../../sdk/features/federated/compression.ts';
import { openBlobStore, type BlobRef } from '../../../sdk/storage/index.ts';
import { readWeights, TensorError, withTensors, writeWeights, type TensorFile } from '../../../sdk/tensors/index.ts';
import type { CompletedTask } from '../../../sdk/worker/task-protocol.ts';
import type { Problem } from '../../../workflows/lib/failures.ts';
import type { UpdatePolicy } from '../../contracts.ts';
import { answerOnce } from './lib.ts';

export interface JudgeUpdateInput {
  blobUrl: string;
  answer: CompletedTask;
  /** Global weights that the client began with; absent where it was asked for its own. */
  weights?: string;
  policy: UpdatePolicy;
  /** Samples that the client's dataset holds. */
  datasetSamples?: number;
  /** Directory for other forms of the update. */
  directory: string;
}

export type JudgeUpdateOutput = { blob: BlobRef; samples: number } | { refused: Problem };

answerOnce(async (input: JudgeUpdateInput): Promise<JudgeUpdateOutput> => {
  try {
    const global = await globalOf(input);
    return await withTensors(global, (file) => judge(input, file));
  } catch (error) {
    // Of the client's own file: that of the global weights was written by us.
    if (error instanceof TensorError) return { refused: { reason: error.reason, message: error.message } };
    throw error;
  }
});

/** First weights are judged by themselves: as a file of tensors, and for finite values. Layers that stay with clients are left out. */
async function globalOf({ weights, answer, policy, directory }: JudgeUpdateInput): Promise<string> {
  if (weights !== undefined) return weights;
  const { excludeLayers = [] } = policy;
  const own = Object.entries(await readWeights(answer.file)).filter(([name]) => !matchesAny(name, excludeLayers));
  return (await writeWeights(join(directory, 'first.safetensors'), Object.fromEntries(own))).path;
}

async function judge(input: JudgeUpdateInput, global: TensorFile): Promise<JudgeUpdateOutput> {
  const { answer, policy, weights, datasetSamples, directory } = input;
  const verdict = await checkUpdate(
    { file: weights === undefined ? global.path : answer.file, samples: answer.samples },
    { global, datasetSamples, out: join(directory, 'final.safetensors') },
    policy,
  );
  if ('refused' in verdict) return verdict;
  const file = weights === undefined ? global.path : await packed(verdict.accepted, global, input);
  return { blob: await openBlobStore(input.blobUrl).put({ file }), samples: verdict.accepted.samples };
}

async function packed({ file }: CheckedUpdate, global: TensorFile, input: JudgeUpdateInput): Promise<string> {
  const { compression = 'none' } = input.policy;
  if (compression === 'none') return file;
  const out = join(input.directory, 'packed.safetensors');
  return withTensors(file, async (update) => (await compress({ update, global }, compression, out)).path);
}
