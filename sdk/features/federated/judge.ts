/** Whether an update counts, and the form in which it is kept. */
import { join } from 'node:path';
import { checkUpdate, type Refusal, type UpdatePolicy } from '../../algorithms/aggregation/index.ts';
import type { BlobRef } from '../../storage/index.ts';
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
  /** Stores the bytes of an update that is kept as it came, while they are looked at; keeps nothing when reading them throws. */
  keep?: (bytes: AsyncIterable<Uint8Array>) => Promise<BlobRef>;
}

/** `kept`: it is stored already. */
export type Judged = { file: string; samples: number; kept?: BlobRef };

/** `file`: of the global layout, clipped and compressed as the policy says. Throws `TensorError` for a change that cannot be compressed. */
export async function judgeUpdate(judging: Judging): Promise<Judged | { refused: Refusal }> {
  const { update, global, policy, datasetSamples, directory, keep } = judging;
  const { compression = 'none', ...rules } = policy;
  let kept: BlobRef | undefined;
  const keeping =
    compression === 'none' && keep && (async (bytes: AsyncIterable<Uint8Array>) => (kept = await keep(bytes)));
  const expectation = { global, datasetSamples, out: join(directory, 'final.safetensors') };
  const verdict = await checkUpdate(update, { ...expectation, ...(keeping ? { keep: keeping } : {}) }, rules);
  if ('refused' in verdict) return verdict;
  const { file, samples } = verdict.accepted;
  if (compression === 'none') return { file, samples, ...(kept === undefined ? {} : { kept }) };
  const out = join(directory, 'packed.safetensors');
  const packed = await withTensors(file, (whole) => compress({ update: whole, global }, compression, out));
  return { file: packed.path, samples };
}
