/** MistNet on its two sides: workers that hand over encoded features, and the node that trains on them. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  AcceptedUpdate,
  BlobRef,
  Encoding,
  InspectCutInput,
  TrainClientInput,
  TrainHeadInput,
  TrainHeadResult,
} from '../../../activities/contracts.ts';
import { createAggregateActivities } from '../../../activities/edge/aggregate.ts';
import { encodeModel, mlp, OnnxEstimator, readModelWeights } from '../../../sdk/estimators/onnx/index.ts';
import { writeFileAtomic } from '../../../sdk/storage/index.ts';
import { readEncoded, writeEncoded } from '../../../sdk/features/federated/mist-net/encoded-set.ts';
import { readWeights } from '../../../sdk/tensors/index.ts';
import { mnistDigits } from '../../support/mnist-digits.ts';
import { FederatedNode, newPlace } from '../support/federated-node.ts';
import { Told } from '../../support/told.ts';

let node: FederatedNode;
beforeEach(async () => {
  node = await new FederatedNode(await newPlace()).start();
});
afterEach(() => node.close());

const loss = 'softmaxCrossEntropy';
const parameters = { cut_layer: 'relu2', bits: 8, low: 0, high: 1.2 };
/** The network of the trainers. */
const network = () => mlp({ inputs: 784, hidden: [16], outputs: 10, seed: 3 });

async function put(bytes: Uint8Array): Promise<BlobRef> {
  const file = join(node.place.directory, 'put.onnx');
  await writeFileAtomic(file, bytes);
  return node.blobs.put({ file });
}
async function fetched(blob: BlobRef): Promise<string> {
  const file = join(node.place.directory, blob.sha256);
  await node.blobs.fetchTo(blob, file);
  return file;
}
const activities = () =>
  createAggregateActivities({ node: 'edge-1', signaller: new Told(), stateDir: node.stateDir, blobs: node.blobs });
const inspect = (input: InspectCutInput): Promise<Encoding> =>
  node.environment().run((given: InspectCutInput) => activities().inspectCut(given), input);
const trainHead = (input: TrainHeadInput): Promise<TrainHeadResult> =>
  node.environment().run((given: TrainHeadInput) => activities().trainHead(given), input);

function accepted(result: Awaited<ReturnType<FederatedNode['train']>>): AcceptedUpdate {
  if ('accepted' in result) return result.accepted;
  throw new Error(`refused: ${result.refused.reason}: ${result.refused.message}`);
}

describe('a worker that is asked for features', () => {
  const input = async (change: Parameters<FederatedNode['input']>[0] = {}): Promise<TrainClientInput> => {
    const encoding = await inspect({ file: await put(encodeModel(network())), parameters, loss });
    return node.input({ task: 'Encode', encoding, settings: {}, ...change });
  };

  test('hands over bits and labels of its data, from the weights that it is given, and is asked once', async () => {
    const task = await input({ env: { PER_DIGIT: '5' } });
    const update = accepted(await node.train(task));
    expect(update).toMatchObject({ client: '00', samples: 50, metrics: {} });
    const set = await readEncoded(await fetched(update.blob));
    const digits = mnistDigits(5, 0);
    expect({ count: set.count, labels: set.labels }).toEqual({ count: 50, labels: digits.labels });
    const estimator = new OnnxEstimator({ model: network(), loss, optimizer: { name: 'sgd', learningRate: 1 } });
    await estimator.setWeights(await readWeights(await fetched(task.weights as BlobRef)));
    const expected = join(node.place.directory, 'expected.safetensors');
    const { layer, cut: _, ...code } = task.encoding as Encoding;
    await writeEncoded(expected, await estimator.features(digits, layer), code);
    await estimator.close();
    // With ε = 100 no bit is another one, as good as certainly.
    expect(set.bits).toEqual((await readEncoded(expected)).bits);
    expect(accepted(await node.train(task))).toEqual(update);
    expect(readFileSync(join(node.stateDir, 'logs', 'job-train-00.log'), 'utf8').match(/pid/g)).toHaveLength(1);
  });

  test('draws noise of its own: the same data twice are other bits', async () => {
    const task = await input({ env: { PER_DIGIT: '5' } });
    const noisy = { ...task, encoding: { ...(task.encoding as Encoding), epsilon: 2 } };
    const again = { ...noisy, identity: { ...task.identity, run: 'sedna/federatedlearningjob/default/job/run/u-1-1' } };
    const [one, two] = [accepted(await node.train(noisy)), accepted(await node.train(again))];
    expect(one.blob.sha256).not.toBe(two.blob.sha256);
  });

  test('that hands over something else is refused, with the reason', async () => {
    const task = await input({ image: 'liar', env: { LIE: 'weights' } });
    expect(await node.train(task)).toMatchObject({ refused: { reason: 'TensorsMissing' } });
  });

  test('whose model has no such tensor says so', async () => {
    const task = await input();
    const elsewhere = { ...task, encoding: { ...(task.encoding as Encoding), layer: 'conv7' } };
    expect(await node.train(elsewhere)).toMatchObject({
      refused: {
        reason: 'WorkerFailed',
        message: expect.stringContaining('it computes no tensor "conv7"; it can be cut at'),
      },
    });
  });

  test('more than policy allows is refused', async () => {
    const task = await input({ policy: { maxSamplesFactor: 1 } });
    expect(await node.train(task)).toMatchObject({ refused: { reason: 'TooManySamples' } });
  });

  test('a trainer of the original library has none', async () => {
    const task = await input({ image: 'sedna-trainer' });
    expect(await node.train(task)).toMatchObject({
      refused: { reason: 'NotSupportedYet', message: expect.stringContaining('MistNet needs workers of this SDK') },
    });
  });
});

describe('the node that aggregates', () => {
  test('says what is to be handed over, or why the model cannot be cut so', async () => {
    const file = await put(encodeModel(network()));
    expect(await inspect({ file, parameters, loss })).toEqual({
      ...{ layer: 'relu2', bits: 8, low: 0, high: 1.2, epsilon: 100 },
      cut: { shape: [16], outputs: 10, classes: 10 },
    });
    const refused = { type: 'InvalidSpec', nonRetryable: true };
    await expect(inspect({ file, parameters: { cut_layer: 4 }, loss })).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(
        /^spec\.aggregation\.parameters\.cut_layer: .* "4"; it can be cut at "dense1", "relu2", "dense3"$/,
      ),
    });
    await expect(inspect({ file, parameters: {}, loss })).rejects.toMatchObject(refused);
    await expect(inspect({ file, parameters: { cut_layer: 'dense3' }, loss })).rejects.toMatchObject(refused);
  });

  test('trains what is behind the cut on all features, to the same bits, and leaves the rest as it was', async () => {
    const file = await put(encodeModel(network()));
    const { layer, cut: _, ...code } = await inspect({ file, parameters, loss });
    const body = new OnnxEstimator({ model: network(), loss, optimizer: { name: 'sgd', learningRate: 1 } });
    const updates: AcceptedUpdate[] = [];
    for (const [client, from] of [
      ['00', 0],
      ['01', 30],
    ] as const) {
      const digits = mnistDigits(30, from);
      const encoded = join(node.place.directory, 'encoded.safetensors');
      await writeEncoded(encoded, await body.features(digits, layer), code);
      updates.push({
        client,
        node: 'n',
        blob: await node.blobs.put({ file: encoded }),
        samples: digits.count,
        metrics: {},
      });
    }
    const owner = { kind: 'FederatedLearningJob', namespace: 'default', name: 'job', uid: 'u-1' };
    const settings = { epochs: 20, learningRate: 0.01 };
    const input: TrainHeadInput = { owner, round: 1, file, parameters, loss, updates, settings, seed: 5 };
    const made = await trainHead(input);
    expect(await trainHead(input)).toEqual(made);
    const [before, after] = [network(), readFileSync(await fetched(made.file))].map((model) =>
      readModelWeights(model instanceof Uint8Array ? model : encodeModel(model), 'm'),
    );
    const changed = Object.keys(before ?? {}).filter(
      (name) => before?.[name]?.data.join() !== after?.[name]?.data.join(),
    );
    expect(changed).toEqual(['dense3/weight', 'dense3/bias']);
    expect(await readWeights(await fetched(made.weights))).toEqual(after);
    const trained = new OnnxEstimator({
      model: await fetched(made.file),
      loss,
      optimizer: { name: 'sgd', learningRate: 1 },
    });
    const [untrained, accuracy] = [
      await body.evaluate(mnistDigits(20, 60)),
      await trained.evaluate(mnistDigits(20, 60)),
    ];
    // Of features that nobody has trained; the same head on the features themselves gets 55 %.
    expect(untrained.accuracy?.[0]).toBeLessThan(0.25);
    expect(accuracy.accuracy?.[0]).toBeGreaterThan(0.35);
    await Promise.all([body.close(), trained.close()]);
  });
});
