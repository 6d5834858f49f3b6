import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { updatesMissing } from '../../workflows/lib/failures.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { FederatedScene, type FederatedChange } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';

describeTemporal('what waits for a node, of whatever strategy', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  const on = (node: string, strategy = 'FedAvg', parameters = {}): FederatedChange => ({
    aggregation: { templateDigest: 'a', node, strategy, parameters },
  });

  test('an aggregation whose node is lost: named, moved by an edit, nobody is asked again', async () => {
    const scene = await new FederatedScene(temporal, 'lost', 2).start();
    let isAway = false;
    scene.answer = async (input) => {
      if (input.identity.client === '01' && !isAway) {
        isAway = true;
        await scene.cloud.stop();
      }
      return scene.update(input);
    };
    await scene.applyAll({ rounds: { total: 1 } });
    await scene.status({ stage: 'Aggregating', waitingFor: { reason: 'NodeSilent' } }, 60_000);
    await scene.applyJob({ ...on(scene.clients[0]?.name ?? ''), rounds: { total: 1 } });
    await scene.status({ phase: 'Succeeded', round: '1/1' }, 30_000);
    expect(scene.tasks).toHaveLength(2);
    await scene.stop();
  }, 120_000);

  test('stop leaves it, resume opens the round again; retry tries at once', async () => {
    const scene = await new FederatedScene(temporal, 'failing', 1).start();
    let isMended = false;
    scene.byAggregator(() => isMended, { reason: 'BlobStoreUnreachable', message: 'the blob store is away' });
    await scene.applyAll({ rounds: { total: 1 } });
    await scene.status({ stage: 'Aggregating', waitingFor: { reason: 'BlobStoreUnreachable' } }, 30_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', stage: null }, 30_000);
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ stage: 'Aggregating', waitingFor: { reason: 'BlobStoreUnreachable' } }, 30_000);
    isMended = true;
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ phase: 'Succeeded' }, 30_000);
    await scene.stop();
  }, 120_000);

  test('a full buffer that is not aggregated outlives a stop', async () => {
    const scene = await new FederatedScene(temporal, 'buffer', 2).start();
    let isMended = false;
    scene.byAggregator(() => isMended, { reason: 'DiskFull', message: 'no space' });
    scene.answer = (input) => (input.identity.turn === undefined ? scene.update(input) : new Promise(() => undefined));
    const buffered = { ...on(scene.cloud.name, 'FedBuff', { bufferSize: 2 }), rounds: { total: 1 } };
    await scene.applyAll(buffered);
    await scene.status({ stage: 'Aggregating', waitingFor: { reason: 'DiskFull' } }, 30_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', stage: null }, 30_000);
    isMended = true;
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded' }, 30_000);
    const counted = scene.aggregations.map(({ updates }) => updates.map(({ blob }) => blob.sha256).sort());
    expect(new Set(counted.map((of) => of.join())).size).toBe(1);
    await scene.stop();
  }, 120_000);

  test('test data whose node is not there hold up no stop, and no edit', async () => {
    const scene = await new FederatedScene(temporal, 'unjudged', 2).start();
    const evaluation = { every: 1, where: 'Central', label: 'label', loss: 'mse', dataset: 'unjudged-data-0' } as const;
    scene.onEvaluate = () => {
      throw ApplicationFailure.retryable('not now', 'BlobStoreUnreachable');
    };
    await scene.applyAll({ rounds: { total: 1 }, evaluation });
    await scene.status({ stage: 'Evaluating' }, 30_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', stage: null }, 30_000);
    const judged = scene.evaluations.length;
    await temporal.signal(scene.ref, 'resume');
    await eventually(() => expect(scene.evaluations.length).toBeGreaterThan(judged), 30_000);
    await scene.applyJob({ rounds: { total: 1 }, evaluation: { ...evaluation, where: 'Clients' } });
    await scene.status({ phase: 'Succeeded', round: '1/1' }, 30_000);
    await scene.stop();
  }, 120_000);

  test('an accepted update that the blob store has lost is asked for again, of its client only', async () => {
    const scene = await new FederatedScene(temporal, 'vanished', 2).start();
    scene.onAggregate = ({ updates }) => {
      if (scene.aggregations.length > 1) return {};
      const details = [[updates[1]?.blob.sha256]];
      throw ApplicationFailure.create({ type: updatesMissing, message: 'missing', nonRetryable: true, details });
    };
    await scene.applyAll({ rounds: { total: 1 } });
    await scene.status({ phase: 'Succeeded', round: '1/1', lastRound: { clients: 2 } }, 30_000);
    expect(scene.tasks.map(({ identity }) => identity.client).sort()).toEqual(['00', '01', '01']);
    await scene.stop();
  }, 60_000);

  test('a store that loses it each time fails the job, with the reason', async () => {
    const scene = await new FederatedScene(temporal, 'losing', 1).start();
    scene.onAggregate = ({ updates }) => {
      const details = [[updates[0]?.blob.sha256]];
      throw ApplicationFailure.create({ type: updatesMissing, message: 'missing', nonRetryable: true, details });
    };
    await scene.applyAll({ rounds: { total: 1 } });
    const message = 'missing; their clients were asked again 3 times';
    await scene.status({ phase: 'Failed', waitingFor: { reason: 'BlobStoreUnreachable', message } }, 30_000);
    await scene.stop();
  }, 60_000);

  test('a first model that cannot be imported: the reason, tried again', async () => {
    const scene = await new FederatedScene(temporal, 'unimported', 1).start();
    let isMended = false;
    const problem = { reason: 'BlobStoreUnreachable', message: 'on cloud: blob 1 is not there' };
    scene.beforeImport = ({ listener }) => (isMended ? undefined : scene.failing({ round: 0, listener }, problem));
    await scene.applyAll({ rounds: { total: 1 } });
    const message = 'first global model: on cloud: blob 1 is not there; it is tried again';
    await scene.status({ phase: 'Running', waitingFor: { reason: 'BlobStoreUnreachable', message } }, 30_000);
    isMended = true;
    await scene.status({ phase: 'Succeeded' }, 60_000);
    await scene.stop();
  }, 120_000);
});
