/** Trainers of the original library as real processes against the gateway of a local controller, task by task. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AcceptedUpdate, BlobRef, TrainClientInput, TrainClientResult } from '../../../../activities/contracts.ts';
import { readWeights, writeWeights } from '../../../../sdk/tensors/index.ts';
import { FederatedNode, newPlace } from '../../../activities/support/federated-node.ts';
import { eventually } from '../../../support/eventually.ts';

const image = {
  image: 'test/sedna-trainer',
  dir: join(import.meta.dirname, '../../support'),
  command: ['node', 'sedna-trainer.ts'],
};
const shapes = [[2, 3], [3]];

let node: FederatedNode;
beforeEach(async () => {
  node = await new FederatedNode(await newPlace(), [image]).start();
});
afterEach(() => node.close());

const inputOf = (change: Parameters<FederatedNode['input']>[0] = {}): Promise<TrainClientInput> =>
  node.input({ image: 'sedna-trainer', ...change });
const inRound = (input: TrainClientInput, round: number, weights: BlobRef): TrainClientInput => ({
  ...input,
  identity: { ...input.identity, round },
  weights,
});
const log = (input: TrainClientInput): string =>
  readFileSync(join(node.stateDir, 'logs', `${input.worker.name}.log`), 'utf8');

/** Global weights of the trainer's layout, all of one value. */
async function globalOf(value: number, layout = shapes): Promise<BlobRef> {
  const file = join(node.place.directory, `global-${value}.safetensors`);
  const tensors = layout.map((shape, i) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(value);
    return [String(i).padStart(5, '0'), { shape, data }] as const;
  });
  await writeWeights(file, Object.fromEntries(tensors));
  return node.blobs.put({ file });
}

function accepted(result: TrainClientResult): AcceptedUpdate {
  if ('accepted' in result) return result.accepted;
  throw new Error(`refused: ${result.refused.reason}: ${result.refused.message}`);
}

async function valuesOf({ blob }: AcceptedUpdate): Promise<number[][]> {
  const file = join(node.place.directory, 'read.safetensors');
  await node.blobs.fetchTo(blob, file);
  return Object.values(await readWeights(file)).map(({ data }) => [...data]);
}

describe('rounds', () => {
  test('first weights and round 1 are the first upload; each later round begins with the weights that it was sent', async () => {
    const first = await inputOf({ task: 'Weights', env: { SAMPLES: '7' } });
    const begin = accepted(await node.train({ ...first, identity: { ...first.identity, round: 0 } }));
    expect(await valuesOf(begin)).toEqual([Array(6).fill(0.5), Array(3).fill(0.5)]);

    const one = { ...inRound(first, 1, begin.blob), task: 'Train' } as const;
    const upload = accepted(await node.train(one));
    expect(upload).toMatchObject({ samples: 7, blob: { sha256: begin.blob.sha256 } });

    const two = accepted(await node.train(inRound(one, 2, await globalOf(0.1))));
    expect(await valuesOf(two)).toEqual([Array(6).fill(Math.fround(0.55)), Array(3).fill(Math.fround(0.55))]);
    await node.dismiss([first.worker.name], await globalOf(0.25));
    expect(log(first)).toMatch(/receives \{"number":1,"exit":"continue","total":7,"first":0.1\}/);
    expect(log(first)).toMatch(/receives \{"number":2,"exit":"ok","total":7,"first":0.25\}\nhas ended/);
  });
});
