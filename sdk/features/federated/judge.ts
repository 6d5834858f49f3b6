/** Whether an update counts, and the form in which it is kept. */
import { join } from 'node:path';
import { checkUpdate, type Refusal, type UpdatePolicy } from '../../algorithms/aggregation/index.ts';
import { withTensors, type TensorFile } from '../../tensors/index.ts';
import { compress, type Compression } from './compression.ts';

export interface Judging {
  update: { file: string; samples: number };
  /** Weights that the client began with. */
  global: TensorFile;
  policy: UpdatePolicy & { compression?: Compression | 'none' };
  /** Samples that the client's dataset holds; absent: not known. */
  datasetSamples?: number;
  /** For the final file. */
  directory: string;
}

/** `file`: of the global layout, clipped and compressed as the policy says. Throws `TensorError` for a change that cannot be compressed. */
export async function judgeUpdate(judging: Judging): Promise<{ file: string; samples: number } | { refused: Refusal }> {
  const { update, global, policy, datasetSamples, directory } = judging;
  const { compression = 'none', ...rules } = policy;
  const verdict = await checkUpdate(
    update,
    { global, datasetSamples, out: join(directory, 'final.safetensors') },
    rules,
  );
  if ('refused' in verdict) return verdict;
  const { file, samples } = verdict.accepted;
  if (compression === 'none') return { file, samples };
  const out = join(directory, 'packed.safetensors');
  const packed = await withTensors(file, (whole) => compress({ update: whole, global }, compression, out));
  return { file: packed.path, samples };
}
