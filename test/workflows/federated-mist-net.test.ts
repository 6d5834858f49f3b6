import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { describeTemporal } from '../support/stack.ts';
import { encoding, FederatedScene, type FederatedChange } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';

describeTemporal('MistNet', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  const parameters = { cut_layer: 'relu2', bits: 4, low: 0, high: 2, epsilon: 6 };
  const mistNet = (scene: FederatedScene, rounds: FederatedChange['rounds'] = {}): FederatedChange => ({
    aggregation: { templateDigest: 'a', node: scene.cloud.name, strategy: 'MistNet', parameters },
    rounds: { total: 1, ...rounds },
    training: { epochs: 3, mu: 1 },
  });

  test('asks each client once, for features; trains the head on them, publishes the whole model and says what was sent', async () => {
    const scene = await new FederatedScene(temporal, 'mist', 2).start();
    scene.onEvaluate = () => ({ samples: 5, metrics: { accuracy: 0.9 } });
    const evaluation = {
      ...{ every: 1, where: 'Central' as const, dataset: 'mist-data-0', label: 'y' },
      loss: 'softmaxCrossEntropy' as const,
    };
    await scene.applyAll({ ...mistNet(scene), evaluation });
    const status = await scene.status({ phase: 'Succeeded', round: '1/1' }, 20_000);
    expect(scene.checks).toEqual([{ name: 'MistNet', parameters }]);
    expect(scene.cuts).toEqual([{ file: scene.imported?.file, parameters, loss: 'softmaxCrossEntropy' }]);
    expect(
      scene.tasks.map(({ task, encoding: asked, weights, evaluate }) => ({ task, asked, weights, evaluate })),
    ).toEqual(Array(2).fill({ task: 'Encode', asked: encoding, weights: scene.imported?.weights, evaluate: false }));
    expect(scene.aggregations).toEqual([]);
    expect(scene.heads).toMatchObject([
      {
        round: 1,
        file: scene.imported?.file,
        parameters,
        settings: { epochs: 3 },
        updates: [{ client: '00' }, { client: '01' }],
      },
    ]);
    expect(scene.heads[0]?.settings).toEqual({ epochs: 3 });
    expect(status).toMatchObject({
      privacy: expect.stringMatching(/^features leave a node once, as bits with noise: epsilon is of each value/),
      lastRound: {
        encoded: { layer: 'relu2', bits: 4, epsilon: 6 },
        message: '2 clients, features at "relu2" with ε 6 for each value, 30 samples, loss 0.5, accuracy 0.9',
      },
    });
    const model = await temporal.view({ kind: 'Model', namespace: 'default', name: 'mist-model' });
    expect(model.status).toMatchObject({ phase: 'Live' });
    await scene.stop();
  }, 60_000);

  test('what is refused is named; the job goes on without it as far as the quorum allows', async () => {
    const scene = await new FederatedScene(temporal, 'misfit', 2).start();
    scene.answer = (input) =>
      input.identity.client === '01'
        ? { refused: { reason: 'LabelsInvalid', message: 'sample 3 has label 11' }, client: '01', node: 'misfit-1' }
        : scene.update(input);
    await scene.applyAll(mistNet(scene, { minClientsToStart: 2, quorum: { minAvailable: 1 } }));
    await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(scene.heads.map(({ updates }) => updates.map(({ client }) => client))).toEqual([['00']]);
    await scene.stop();
  }, 60_000);

  test('nobody is asked where the model cannot be cut, or is no ONNX file; a correction goes on', async () => {
    const scene = await new FederatedScene(temporal, 'uncut', 1).start();
    scene.onCut = () => {
      throw ApplicationFailure.nonRetryable('spec.aggregation.parameters.cut_layer: no tensor "relu9"', 'InvalidSpec');
    };
    await scene.applyAll(mistNet(scene));
    await scene.status({
      phase: 'Failed',
      waitingFor: { reason: 'InvalidSpec', message: 'spec.aggregation.parameters.cut_layer: no tensor "relu9"' },
    });
    scene.onCut = () => encoding;
    await scene.applyJob({ ...mistNet(scene), keepWarm: false });
    await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(scene.tasks).toHaveLength(1);
    await scene.stop();

    const bare = await new FederatedScene(temporal, 'bare', 1).start();
    bare.imported = { weights: await bare.blobs.put('w') };
    await bare.applyAll(mistNet(bare));
    const failed = await bare.status({ phase: 'Failed', waitingFor: { reason: 'InvalidSpec' } });
    expect((failed['waitingFor'] as { message: string }).message).toMatch(
      'spec.aggregation.strategy: MistNet cuts an ONNX file: Model bare-model has none with weights at its spec.url',
    );
    expect(bare.tasks).toEqual([]);
    await bare.stop();
  }, 60_000);
});
