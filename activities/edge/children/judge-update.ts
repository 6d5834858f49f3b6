/** Child process: decides whether an update counts, brings it into its final form and stores it as a blob. */
import { join } from 'node:path';
import { checkEncoded } from '../../../sdk/features/federated/mist-net/encoded-set.ts';
import { judgeUpdate } from '../../../sdk/features/federated/judge.ts';
import { shared } from '../../../sdk/features/federated/weights.ts';
import { openBlobStore, type BlobRef } from '../../../sdk/storage/index.ts';
import { readWeights, TensorError, withTensors, writeWeights, type TensorFile } from '../../../sdk/tensors/index.ts';
import type { CompletedTask } from '../../../sdk/worker/task-protocol.ts';
import type { Problem } from '../../../workflows/lib/failures.ts';
import type { Encoding, UpdatePolicy } from '../../contracts.ts';
import { answerEach } from './lib.ts';

export interface JudgeUpdateInput {
  blobUrl: string;
  answer: CompletedTask;
  /** Global weights that the client began with; absent where it was asked for its own. */
  weights?: string;
  policy: UpdatePolicy;
  /** The answer is encoded features, not weights. */
  encoding?: Encoding;
  /** Samples that the client's dataset holds. */
  datasetSamples?: number;
  /** Directory for other forms of the update. */
  directory: string;
}

export type JudgeUpdateOutput = { blob: BlobRef; samples: number } | { refused: Problem };

answerEach(async (input: JudgeUpdateInput): Promise<JudgeUpdateOutput> => {
  if (input.encoding !== undefined) return judgeEncoded(input, input.encoding);
  try {
    const global = await globalOf(input);
    return await withTensors(global, (file) => judge(input, file));
  } catch (error) {
    // Of the client's own file: that of the global weights was written by us.
    if (error instanceof TensorError) return { refused: { reason: error.reason, message: error.message } };
    throw error;
  }
});

async function judgeEncoded(input: JudgeUpdateInput, { cut, ...code }: Encoding): Promise<JudgeUpdateOutput> {
  const { answer, policy, datasetSamples, blobUrl } = input;
  const { file, samples } = answer;
  const refused = await checkEncoded({ file, samples }, { cut, code, policy, datasetSamples });
  if (refused !== undefined) return { refused };
  return { blob: await openBlobStore(blobUrl).put({ file }), samples };
}

/** First weights are judged by themselves: as a file of tensors, and for finite values. Layers that stay with clients are left out. */
async function globalOf({ weights, answer, policy, directory }: JudgeUpdateInput): Promise<string> {
  if (weights !== undefined) return weights;
  const own = shared(await readWeights(answer.file), policy.excludeLayers);
  return (await writeWeights(join(directory, 'first.safetensors'), own)).path;
}

async function judge(input: JudgeUpdateInput, global: TensorFile): Promise<JudgeUpdateOutput> {
  const { answer, policy, weights, datasetSamples, directory } = input;
  const { samples } = answer;
  const blobs = openBlobStore(input.blobUrl);
  // First weights are what others are compared with: they are judged, and kept as they are.
  const first = weights === undefined;
  const verdict = await judgeUpdate({
    update: { file: first ? global.path : answer.file, samples },
    global,
    policy: first ? { ...policy, compression: 'none' } : policy,
    datasetSamples,
    directory,
    keep: (bytes) => blobs.put(bytes),
  });
  if ('refused' in verdict) return verdict;
  return { blob: verdict.kept ?? (await blobs.put({ file: verdict.file })), samples: verdict.samples };
}
