/** Child process: trains the head of a cut model on the features of all clients, and puts it back into the model. */
import { join } from 'node:path';
import { decodeUnary } from '../../../sdk/algorithms/encoding/unary-encoding.ts';
import { readModelWeights, withWeights, type OnnxSamples } from '../../../sdk/estimators/onnx/index.ts';
import { readEncoded, valuesOf, type EncodedSet } from '../../../sdk/features/federated/mist-net/encoded-set.ts';
import { openBlobStore, writeFileAtomic, type BlobStore } from '../../../sdk/storage/index.ts';
import { writeWeights } from '../../../sdk/tensors/index.ts';
import type { TrainHeadInput, TrainHeadResult } from '../../contracts.ts';
import { cutOf, type Cut, type HeadChildInput } from './head.ts';
import { answerEach, scratchFile } from './lib.ts';

answerEach(async ({ blobUrl, input, scratch }: HeadChildInput<TrainHeadInput>): Promise<TrainHeadResult> => {
  const blobs = openBlobStore(blobUrl);
  const cut = await cutOf(blobs, input, scratch);
  try {
    const samples = samplesOf(await encoded(blobs, input, scratch), cut);
    const metrics = await cut.estimator.train(samples, { settings: input.settings, seed: input.seed });
    const bytes = withWeights(cut.bytes, await cut.estimator.getWeights(), 'the Model');
    const [file, weights] = [join(scratch, 'trained.onnx'), join(scratch, 'trained.safetensors')];
    await writeFileAtomic(file, bytes, scratchFile);
    await writeWeights(weights, readModelWeights(bytes, 'the Model'), scratchFile);
    return {
      weights: await blobs.put({ file: weights, move: true }),
      file: await blobs.put({ file, move: true }),
      metrics: Object.fromEntries(
        Object.entries(metrics).flatMap(([name, values]) => {
          const value = values.at(-1);
          return value === undefined || !Number.isFinite(value) ? [] : [[name, value]];
        }),
      ),
    };
  } finally {
    await cut.estimator.close();
  }
});

/** In client order, so that a repetition trains the same way. */
async function encoded(blobs: BlobStore, { updates }: TrainHeadInput, scratch: string): Promise<EncodedSet[]> {
  const sets: EncodedSet[] = [];
  for (const { client, blob } of updates) {
    sets.push(await readEncoded(await blobs.fileOf(blob, join(scratch, `encoded-${client}.safetensors`))));
  }
  return sets;
}

function samplesOf(sets: EncodedSet[], { shape, parameters }: Cut): OnnxSamples {
  const values = valuesOf({ shape });
  const count = sets.reduce((sum, set) => sum + set.count, 0);
  const inputs = new Float32Array(count * values);
  const classes = sets.every(({ labels }) => labels instanceof Int32Array);
  if (!classes && sets.some(({ labels }) => labels instanceof Int32Array)) throw new MixedLabels();
  const all = sets.reduce((sum, { labels }) => sum + labels.length, 0);
  const labels = classes ? new Int32Array(all) : new Float32Array(all);
  let [row, label] = [0, 0];
  for (const set of sets) {
    inputs.set(decodeUnary(set.bits, values, parameters.code), row * values);
    labels.set(set.labels, label);
    row += set.count;
    label += set.labels.length;
  }
  return { inputs, labels, shape, count };
}

class MixedLabels extends Error {
  readonly reason = 'InvalidSamples';

  constructor() {
    super(
      'some clients have handed over class numbers, others values as labels: let all workers read labels the same way',
    );
  }
}
