import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type {
  AcceptedUpdate,
  AggregateInput,
  AggregateResult,
  BlobRef,
  ImportedModel,
  ImportModelInput,
  TrainClientInput,
} from '../../../../activities/contracts.ts';
import { createAggregateActivities } from '../../../../activities/edge/aggregate.ts';
import { copyManifest } from '../../../../examples/lib/manifest.ts';
import { places, prepare } from '../../../../examples/federated-learning/mnist/prepare.ts';
import { federatedEstimator } from '../../../../examples/federated-learning/mnist/estimator.ts';
import { readDigits } from '../../../../examples/incremental-learning/mnist/digits.ts';
import { readImages } from '../../../../workers/runtimes/process/images.ts';
import { FederatedNode, newPlace } from '../../../activities/support/federated-node.ts';

const example = join(import.meta.dirname, '../../../../examples/federated-learning/mnist');
const owner = { kind: 'FederatedLearningJob', namespace: 'default', name: 'digits', uid: 'u-1' };
let node: FederatedNode;
let folder: string;
/** Objects of `job.yaml` with the folder of this test. */
let objects: { kind: string; metadata: { name: string }; spec: Record<string, unknown> }[];

beforeAll(async () => {
  const place = await newPlace();
  folder = join(place.directory, 'digits');
  await prepare(folder);
  const manifest = join(place.directory, 'job.yaml');
  copyManifest(join(example, 'job.yaml'), manifest, { from: '/tmp/sedna-federated', to: folder });
  objects = parseAllDocuments(readFileSync(manifest, 'utf8'))
    .map((document) => document.toJS() as (typeof objects)[0] | null)
    .filter((object) => object !== null);
  node = await new FederatedNode(place, readImages([join(example, 'images.yaml')])).start();
}, 60_000);
afterAll(() => node.close());

const indexOf = (set: string): string => join(folder, set, 'index.txt');
const labelsOf = (set: string): number[] =>
  readFileSync(indexOf(set), 'utf8')
    .trim()
    .split('\n')
    .map((line) => Number(line.split(' ')[1]));
const share = (labels: number[], wanted: (label: number) => boolean): number =>
  labels.filter(wanted).length / labels.length;

describe('the digits', () => {
  test('of the two nodes differ, and overlap a little; the test set has all of them', () => {
    expect(share(labelsOf('edge-1'), (label) => label < 5)).toBeCloseTo(0.95, 1);
    expect(share(labelsOf('edge-2'), (label) => label >= 5)).toBeCloseTo(0.95, 1);
    expect(new Set(labelsOf('edge-1')).size).toBe(10);
    expect(new Set(labelsOf('edge-2')).size).toBe(10);
    expect(labelsOf('edge-1').length + labelsOf('edge-2').length).toBe(2_400);
    expect(labelsOf('test')).toHaveLength(1_000);
    expect(share(labelsOf('test'), (label) => label < 5)).toBeCloseTo(0.5, 1);
  });
});

describe('three rounds of the job, with its own images and manifest', () => {
  let updates: AcceptedUpdate[][];
  let global: Pick<AggregateResult, 'weights' | 'file'>;

  beforeAll(async () => {
    const job = objects.find(({ kind }) => kind === 'FederatedLearningJob');
    const manifest = await node.blobs.put(JSON.stringify(job));
    const settings = job?.spec['trainingConfig'] as TrainClientInput['settings'];
    const activities = createAggregateActivities(node.deps);
    const importModel = (given: ImportModelInput): Promise<ImportedModel | undefined> => activities.importModel(given);
    const aggregate = (given: AggregateInput): Promise<AggregateResult> => activities.aggregate(given);

    const taskOf = (client: string, round: number, weights: BlobRef): TrainClientInput => ({
      identity: { run: 'run', round, client },
      task: 'Train',
      worker: {
        name: `digits-train-${client}`,
        owner,
        stage: 'Train',
        manifest,
        template: `spec.trainingWorkers[${Number(client)}].template`,
        env: {
          JOB_NAME: 'digits',
          TRAIN_DATASET_URL: indexOf(places[Number(client)] ?? ''),
          MODEL_URL: join(folder, 'final', client, 'model.onnx'),
        },
      },
      dataset: { url: indexOf(places[Number(client)] ?? ''), format: 'txt' },
      weights,
      settings,
      seed: round * 10 + Number(client),
      evaluate: true,
      policy: { maxSamplesFactor: 1 },
      listener: { workflowId: 'w', uid: 'u-1', slot: `client/${client}` },
    });
    const imported: ImportedModel | undefined = await node
      .environment()
      .run(importModel, { model: { url: join(folder, 'models', 'global.onnx'), format: 'onnx' } });
    if (imported === undefined) throw new Error('the first model was not imported');
    global = imported;
    updates = [];
    for (let round = 1; round <= 3; round++) {
      const answers = await Promise.all(
        ['00', '01'].map((client) => node.train(taskOf(client, round, global.weights))),
      );
      const accepted = answers.map((answer) => {
        if ('refused' in answer) throw new Error(answer.refused.message);
        return answer.accepted;
      });
      updates.push(accepted);
      const strategy = { name: 'FedAvg', parameters: {} };
      const input: AggregateInput = { owner, round, strategy, updates: accepted, ...global };
      global = await node.environment().run(aggregate, input);
    }
  }, 90_000);

  test('clients count their own digits, and judge each global model on the same test set', () => {
    for (const [first, second] of updates) {
      expect([first?.samples, second?.samples]).toEqual([labelsOf('edge-1').length, labelsOf('edge-2').length]);
      expect(first?.evaluation?.['accuracy']).toBeCloseTo(second?.evaluation?.['accuracy'] ?? NaN, 6);
    }
  });

  test('together they learn all digits: better than either update of the last round alone', async () => {
    const digits = await readDigits(indexOf('test'), indexOf('test'));
    const accuracyOf = async (file: string): Promise<number> => {
      const estimator = federatedEstimator();
      await estimator.load(file);
      const { accuracy } = await estimator.evaluate(digits);
      await estimator.close();
      return accuracy?.[0] ?? NaN;
    };
    const file = join(folder, 'aggregated.onnx');
    await node.blobs.fetchTo(global.file as BlobRef, file);
    const together = await accuracyOf(file);
    expect(together).toBeGreaterThan(0.75);

    // The trainers save what they are given at the end: here what each of them had learned alone.
    const alone: number[] = [];
    for (const [i, { blob }] of (updates.at(-1) ?? []).entries()) {
      await node.dismiss([`digits-train-0${i}`], blob);
      alone.push(await accuracyOf(join(folder, 'final', `0${i}`, 'model.onnx')));
    }

    expect(together).toBeGreaterThan(Math.max(...alone));
  }, 60_000);
});
