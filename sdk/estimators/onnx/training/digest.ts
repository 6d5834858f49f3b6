import { createHash } from 'node:crypto';
import type { OnnxSamples } from '../samples.ts';

/**
 * Names a training: equal digests mean that the same steps will be taken on the same data from the same weights.
 * A checkpoint is only good for the training that it names.
 */
export function trainingDigest(
  config: unknown,
  graph: Uint8Array,
  weights: ReadonlyMap<string, Float32Array>,
  samples: OnnxSamples,
): string {
  const hash = createHash('sha256').update(JSON.stringify(config)).update(graph);
  for (const [name, data] of weights) hash.update(name).update(bytesOf(data));
  hash.update(JSON.stringify([samples.count, samples.shape, samples.labels.constructor.name]));
  return hash.update(bytesOf(samples.inputs)).update(bytesOf(samples.labels)).digest('hex');
}

function bytesOf(data: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
