import { createHash } from 'node:crypto';
import type { BatchSource } from './batch-source.ts';

/**
 * Names a training: equal digests mean that the same steps will be taken on the same data from the same weights.
 * A checkpoint is only good for the training that it names.
 */
export function trainingDigest(
  config: unknown,
  graph: Uint8Array,
  weights: ReadonlyMap<string, Float32Array>,
  { source, validation }: { source: BatchSource; validation?: BatchSource },
): string {
  const hash = createHash('sha256').update(JSON.stringify(config)).update(graph);
  for (const [name, { buffer, byteOffset, byteLength }] of weights) {
    hash.update(name).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  source.identify(hash);
  // Early stopping goes by it, and its metrics are kept with the others.
  validation?.identify(hash.update('validation'));
  return hash.digest('hex');
}
