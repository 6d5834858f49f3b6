/** Child process: decides whether an update counts, brings it into its final form and stores it as a blob. */
import { openBlobStore, type BlobRef } from '../../../sdk/storage/index.ts';
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
}

export type JudgeUpdateOutput = { blob: BlobRef; samples: number } | { refused: Problem };

answerOnce(async ({ blobUrl, answer }: JudgeUpdateInput): Promise<JudgeUpdateOutput> => {
  const blob = await openBlobStore(blobUrl).put({ file: answer.file });
  return { blob, samples: answer.samples };
});
