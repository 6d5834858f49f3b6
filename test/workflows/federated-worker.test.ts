import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { beating } from './support/edge.ts';
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
    const asked = { aggregator: { worker, run: scene.runId }, listener: { slot: 'aggregator' } };
    expect(scene.aggregations).toMatchObject([asked, asked]);
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
    await scene.status({ phase: 'Paused' }, 30_000);
    go();
    await scene.status({ stage: 'Waiting', lastRound: { round: 1 } }, 30_000);
    await scene.applyJob({ ...by(scene, 'FedAvg', 'a', 'between-nowhere'), rounds: { total: 2 } });
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ stage: 'Waiting', waitingFor: { reason: 'NodeUnknown' } }, 30_000);
    await scene.applyJob({ ...by(scene, 'FedAvg', 'a', scene.clients[0]?.name), rounds: { total: 2 } });
    await scene.status({ phase: 'Succeeded', round: '2/2' }, 30_000);
    await scene.stop();
  }, 120_000);

  test('deleting the job cleans up the nodes to which edits have moved its aggregator', async () => {
    const scene = await new FederatedScene(temporal, 'moving', 1).start();
    const nodes = await Promise.all(['a', 'b'].map((name) => scene.another(`moving-${name}`)));
    scene.byAggregator(() => false);
    await scene.applyAll(by(scene, 'Worker'));
    for (const { name } of [...nodes, scene.cloud]) {
      const before = scene.aggregations.length;
      await scene.applyJob(by(scene, 'Worker', name, name));
      await eventually(() => expect(scene.aggregations.length).toBeGreaterThan(before), 30_000);
    }
    await temporal.signal(scene.ref, 'remove');
    await temporal.ended(scene.ref, 30_000);
    expect(nodes.map(({ removed }) => removed.length)).toEqual([1, 1]);
    await Promise.all([scene, ...nodes].map((one) => one.stop()));
  }, 90_000);

  test('after an edit or a retry nothing has failed until the aggregator says so again, and no retry cuts it off', async () => {
    const scene = await new FederatedScene(temporal, 'healthy', 1).start();
    let go = (): void => undefined;
    let opened = new Promise<void>((resolve) => (go = resolve));
    scene.byAggregator(() => false);
    const failing = scene.onAggregate;
    let retried = false;
    scene.onAggregate = async (input) => {
      const { revision } = input.aggregator?.worker ?? {};
      if (input.round === 1 ? revision === '["a",1]' : !retried) return failing(input);
      await beating(() => opened);
      return {};
    };
    await scene.applyAll({ ...by(scene, 'Worker'), rounds: { total: 2 } });
    await scene.status({ waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
    await scene.applyJob({ ...by(scene, 'Worker', 'b'), rounds: { total: 2 } });
    await scene.status({ stage: 'Aggregating', waitingFor: null }, 30_000);
    await eventually(() => expect(scene.aggregations.at(-1)?.aggregator?.worker.revision).toBe('["b",1]'), 30_000);
    const asked = scene.aggregations.length;
    // What the aggregator of before the edit says is late by now.
    const [late] = scene.aggregations;
    if (late !== undefined) await expect(failing(late)).rejects.toThrow('exit code 3');
    await scene.status({ stage: 'Aggregating', waitingFor: null });
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ refused: { verb: 'retry', message: 'nothing has failed' } }, 30_000);
    expect(scene.aggregations).toHaveLength(asked);
    go();
    await scene.status({ round: '2/2', waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
    opened = new Promise<void>((resolve) => (go = resolve));
    retried = true;
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ stage: 'Aggregating', round: '2/2', waitingFor: null }, 30_000);
    go();
    await scene.status({ phase: 'Succeeded' }, 30_000);
    await scene.stop();
  }, 90_000);

  test('after an aggregator has declared the last round, an edit of the aggregation or a reset goes on from there', async () => {
    const scene = await new FederatedScene(temporal, 'declared', 1).start();
    scene.onAggregate = ({ round, aggregator }) =>
      aggregator?.worker.revision === '["a",1]' && round !== 3 ? { finished: true } : {};
    await scene.applyAll({ ...by(scene, 'Worker'), rounds: { total: 5 } });
    await scene.status({ phase: 'Succeeded', lastRound: { round: 1 } }, 30_000);
    await temporal.signal(scene.ref, 'reset', { toRound: 1 });
    await scene.status({ phase: 'Succeeded', epoch: 2, lastRound: { round: 2 } }, 30_000);
    // An edit of something else is no word against the aggregator's.
    await scene.applyJob({ ...by(scene, 'Worker'), rounds: { total: 6 } });
    await scene.status({ phase: 'Succeeded', observedGeneration: 2, lastRound: { round: 2 } }, 30_000);
    await scene.applyJob({ ...by(scene, 'Worker', 'b'), rounds: { total: 6 } });
    await scene.status({ phase: 'Succeeded', observedGeneration: 3, lastRound: { round: 6 } }, 30_000);
    expect(scene.aggregations.map(({ round }) => round)).toEqual([1, 2, 3, 4, 5, 6]);
    await scene.stop();
  }, 90_000);
});
