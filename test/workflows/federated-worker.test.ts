import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { FederatedScene, type FederatedChange } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';

describeTemporal('strategy: Worker', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  const by = (
    scene: FederatedScene,
    strategy: string,
    templateDigest = 'a',
    node = scene.cloud.name,
  ): FederatedChange => ({
    aggregation: { templateDigest, node, strategy, parameters: { aggregation: 'Mine' } },
  });

  test('the node is told of the aggregator; it is stopped at the end, which the aggregator may declare', async () => {
    const scene = await new FederatedScene(temporal, 'own', 2).start();
    scene.onAggregate = ({ round }) => (round === 2 ? { finished: true } : {});
    await scene.applyAll({ ...by(scene, 'Worker'), rounds: { total: 5 } });
    const status = await scene.status({ phase: 'Succeeded', round: '2/5' }, 30_000);
    const worker = {
      stage: 'Aggregation',
      template: 'spec.aggregationWorker.template',
      env: { NAMESPACE: 'default', JOB_NAME: 'own', PARTICIPANTS_COUNT: '2', TRANSMITTER: 'ws' },
      models: { MODEL_URL: [{ url: `${scene.cloud.directory}/model.onnx`, format: 'onnx' }] },
    };
    expect(scene.checks).toMatchObject([{ name: 'Worker', parameters: { aggregation: 'Mine' }, worker }]);
    const told = { worker, run: scene.runId, listener: { slot: 'aggregator' } };
    expect(scene.aggregations.map(({ aggregator }) => aggregator)).toMatchObject([told, told]);
    const { name } = scene.aggregations[0]?.aggregator?.worker ?? {};
    expect(scene.aggregators).toEqual([{ worker: name, finished: true }]);
    expect(status).toMatchObject({
      aggregator: expect.stringMatching(
        `^the image of the aggregation worker is run on ${scene.cloud.name} and`,
      ) as unknown,
      conditions: expect.arrayContaining([
        expect.objectContaining({
          type: 'Available',
          message: expect.stringMatching(
            /^2 of 5 rounds: the aggregator says that it was the last one; live version/,
          ) as unknown,
        }),
      ]) as unknown,
    });
    await scene.stop();
  }, 60_000);

  test('one that fails: the reason, since and cure; an edit of its template is taken up in the open round, nobody is asked again', async () => {
    const scene = await new FederatedScene(temporal, 'mended', 2).start();
    scene.byAggregator(({ aggregator }) => aggregator?.worker.revision === '["b",2]');
    await scene.applyAll({ ...by(scene, 'Worker'), rounds: { total: 1 } });
    const message = 'round 1: job-aggregation: exit code 3; it is tried again from the accepted updates';
    const cure = expect.stringMatching(/^read sedna logs federatedlearningjob\/mended/) as unknown;
    const since = expect.stringMatching(/^\d{4}-/) as unknown;
    await eventually(async () => {
      const { status } = await temporal.view(scene.ref);
      expect(status).toMatchObject({
        phase: 'Running',
        stage: 'Aggregating',
        waitingFor: { reason: 'AggregatorFailed', message, cure, since, more: 'docs/errors.md#aggregatorfailed' },
      });
      expect(status['conditions']).toContainEqual(
        expect.objectContaining({ type: 'Degraded', status: 'True', reason: 'AggregatorFailed' }),
      );
    }, 30_000);
    await scene.applyJob({ ...by(scene, 'Worker', 'b'), rounds: { total: 1 } });
    await scene.status({ phase: 'Succeeded', round: '1/1', waitingFor: null }, 30_000);
    expect(scene.tasks.map(({ identity }) => identity.client).sort()).toEqual(['00', '01']);
    expect(scene.checks).toHaveLength(2);
    await scene.stop();
  }, 90_000);

  test('another strategy takes the open round over; the aggregator is stopped', async () => {
    const scene = await new FederatedScene(temporal, 'replaced', 2).start();
    scene.byAggregator(({ aggregator }) => aggregator === undefined);
    await scene.applyAll({ ...by(scene, 'Worker'), rounds: { total: 2 } });
    await scene.status({ waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
    await scene.applyJob({ ...by(scene, 'FedAvg'), rounds: { total: 2 } });
    await scene.status({ phase: 'Succeeded', round: '2/2' }, 30_000);
    expect(scene.tasks).toHaveLength(4);
    expect(scene.aggregators).toMatchObject([{ finished: false }]);
    await scene.stop();
  }, 90_000);

  test('retry tries at once; stop leaves the round, resume opens it again', async () => {
    const scene = await new FederatedScene(temporal, 'left', 1).start();
    let isMended = false;
    scene.byAggregator(() => isMended);
    await scene.applyAll({ ...by(scene, 'Worker'), rounds: { total: 1 } });
    await scene.status({ waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
    // By itself a fifth try would take half a minute.
    await eventually(() => expect(scene.aggregations.length).toBeGreaterThanOrEqual(3), 30_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', waitingFor: { reason: 'Stopped' } }, 30_000);
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Running', waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
    isMended = true;
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ phase: 'Succeeded', round: '1/1' }, 30_000);
    // The same task twice: its node knows the answer.
    expect(new Set(scene.tasks.map(({ identity }) => JSON.stringify(identity))).size).toBe(1);
    await scene.stop();
  }, 120_000);

  test('one that has never finished a round is stopped too, once it is not wanted any more: after a stop, after a reset', async () => {
    const scene = await new FederatedScene(temporal, 'unfinished', 1).start();
    scene.byAggregator(({ aggregator }) => aggregator === undefined);
    await scene.applyAll({ ...by(scene, 'Worker'), rounds: { total: 1 } });
    await scene.status({ waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', stage: null }, 30_000);
    await scene.applyJob({ ...by(scene, 'FedAvg'), rounds: { total: 1 } });
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded' }, 30_000);
    expect(scene.aggregators).toMatchObject([{ finished: false }]);

    await scene.applyJob({ ...by(scene, 'Worker'), rounds: { total: 2 } });
    await scene.status({ round: '2/2', waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
    await temporal.signal(scene.ref, 'pause');
    await temporal.signal(scene.ref, 'reset', { toRound: 0 });
    await scene.status({ phase: 'Paused', epoch: 2 }, 30_000);
    await scene.applyJob({ ...by(scene, 'FedAvg'), rounds: { total: 2 } });
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded' }, 30_000);
    expect(scene.aggregators).toMatchObject([{ finished: false }, { finished: false }]);
    await scene.stop();
  }, 120_000);

  test('a node that is not there holds up no later edit, and no stop: in an open round, and before one', async () => {
    const scene = await new FederatedScene(temporal, 'mistyped', 2).start();
    const other = scene.clients[0]?.name ?? '';
    const on = (node: string, templateDigest = 'a') => ({
      ...by(scene, 'Worker', templateDigest, node),
      rounds: { total: 2 },
    });
    scene.byAggregator(({ aggregator, round }) => round === 1 && aggregator?.worker.revision === '["c",2]');
    await scene.applyAll(on(scene.cloud.name));
    await scene.status({ waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
    await scene.applyJob(on('mistyped-nowhere', 'b'));
    await scene.status({ stage: 'Aggregating', waitingFor: { reason: 'NodeUnknown' } }, 30_000);
    // The one on the node that is there is stopped; none was ever asked on the other.
    await eventually(() => expect(scene.aggregators).toHaveLength(1), 30_000);
    await scene.applyJob(on(other, 'c'));
    await scene.status({ round: '2/2', waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
    expect(scene.tasks).toHaveLength(4);

    await scene.applyJob(on('mistyped-nowhere', 'd'));
    await scene.status({ waitingFor: { reason: 'NodeUnknown' } }, 30_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', stage: null }, 30_000);
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Pending', waitingFor: { reason: 'NodeUnknown' } }, 30_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', stage: null }, 30_000);
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Pending', waitingFor: { reason: 'NodeUnknown' } }, 30_000);
    scene.onAggregate = () => ({});
    await scene.applyJob(on(other, 'c'));
    await scene.status({ phase: 'Succeeded' }, 30_000);
    expect(scene.aggregators).toHaveLength(3);
    await scene.stop();
  }, 180_000);

  test('of whatever strategy: between two rounds a node that is not there is named, and another one taken at once', async () => {
    const scene = await new FederatedScene(temporal, 'between', 1).start();
    let go = (): void => undefined;
    const opened = new Promise<void>((resolve) => (go = resolve));
    scene.answer = (input) => opened.then(() => scene.update(input));
    await scene.applyAll({ rounds: { total: 2 } });
    await scene.status({ stage: 'Collecting' }, 30_000);
    await temporal.signal(scene.ref, 'pause');
    await scene.applyJob({ ...by(scene, 'FedAvg', 'a', 'between-nowhere'), rounds: { total: 2 } });
    go();
    await scene.status({ stage: 'Waiting', lastRound: { round: 1 } }, 30_000);
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ stage: 'Waiting', waitingFor: { reason: 'NodeUnknown' } }, 30_000);
    await scene.applyJob({ ...by(scene, 'FedAvg', 'a', scene.clients[0]?.name), rounds: { total: 2 } });
    await scene.status({ phase: 'Succeeded', round: '2/2' }, 30_000);
    await scene.stop();
  }, 120_000);
});
