/** Child process: plays the clients of a round to an aggregator of a user's own, and makes a model of what it answers. */
import { answerEach } from '../../../../activities/edge/children/lib.ts';
import { merged, openedUpdates, RoundFiles } from '../../../../activities/edge/children/round-files.ts';
import type { AggregateInput, AggregateResult } from '../../../../activities/contracts.ts';
import { openBlobStore } from '../../../../sdk/storage/index.ts';
import { encodeElements } from '../../../../sdk/tensors/elements.ts';
import {
  TensorError,
  writing,
  type FloatDtype,
  type TensorEntry,
  type TensorFile,
  type WrittenTensors,
} from '../../../../sdk/tensors/index.ts';
import { invalid } from '../failed.ts';
import { play } from '../play.ts';
import type { Address } from '../socket.ts';

/** As `RoundPlayer` has it. */
export interface PlayRoundInput {
  blobUrl: string;
  round: AggregateInput;
  address: Address;
  timeoutSeconds: number;
  /** A directory of this child's own. */
  scratch: string;
}

answerEach(async (input: PlayRoundInput): Promise<AggregateResult> => {
  const { blobUrl, round, address, timeoutSeconds, scratch } = input;
  const blobs = openBlobStore(blobUrl);
  const files = new RoundFiles(blobs, scratch);
  try {
    const global = await files.open(round.weights, 'global');
    for (const entry of global.entries) requireAnswerable(entry);
    const players = await openedUpdates(round, files, global);
    const job = round.owner.name;
    const { values, finished } = await play({ address, job, players, entries: global.entries, timeoutSeconds });
    const model = await store(values, global, files.path('next'));
    const into = { scratch, weights: model.path };
    const file = round.file === undefined ? {} : { file: await merged(blobs, round.file, into) };
    return {
      weights: await blobs.put({ file: model.path, move: true }),
      ...file,
      left: [],
      metrics: {},
      ...(finished ? { finished: true } : {}),
    };
  } finally {
    await files.close();
  }
});

/** Answers are read as float32, as those of trainers are. Throws `DtypeUnsupported` that names the tensor. */
function requireAnswerable({ name, dtype }: TensorEntry): void {
  if (dtype === 'F32' || dtype === 'F16') return;
  throw new TensorError(
    'DtypeUnsupported',
    `tensor ${JSON.stringify(name)}: is ${dtype}; what an aggregator of your own answers is kept in F32 or F16 (convert the model, or use another strategy)`,
  );
}

const chunkElements = 1 << 20;

/** Under the names and in the types of the global model. */
function store(values: Float32Array, global: TensorFile, out: string): Promise<WrittenTensors> {
  return writing(out, global.entries, async (writer) => {
    let from = 0;
    for (const { name, dtype, elements } of global.entries) {
      for (let start = 0; start < elements; start += chunkElements) {
        const count = Math.min(chunkElements, elements - start);
        const part = Float64Array.from(values.subarray(from + start, from + start + count));
        if (dtype === 'F16' && part.some((value) => Math.abs(value) >= 65_520)) {
          throw invalid(`${name} holds numbers that F16, the type of the model, does not have`);
        }
        await writer.write(name, start, encodeElements(dtype as FloatDtype, part));
      }
      from += elements;
    }
  });
}
