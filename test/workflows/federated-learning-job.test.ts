import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { entityId } from '../../workflows/lib/ids.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { FederatedScene } from './support/federated.ts';
import { gate } from './support/gate.ts';
import { TestNamespace } from './support/namespace.ts';

interface ClientState {
  client: string;
  state: string;
  reason?: string;
}

const clientsOf = (status: Record<string, unknown>) => status['clients'] as ClientState[];
const never = () => new Promise<never>(() => undefined);

describeTemporal('a federated learning job', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  test('does all rounds, keeps each model, and ends as Sedna says', async () => {
    const scene = await new FederatedScene(temporal, 'plain', 2).start();
    await scene.applyAll();
    const status = await scene.status({ phase: 'Succeeded', round: '3/3' }, 20_000);
    expect(scene.aggregations.map(({ round, updates }) => [round, updates.map(({ client }) => client)])).toEqual([
      [1, ['00', '01']],
      [2, ['00', '01']],
      [3, ['00', '01']],
    ]);
    expect(scene.tasks.map(({ task, seed }) => [task, Number.isInteger(seed)])).toEqual(Array(6).fill(['Train', true]));
    expect(new Set(scene.tasks.map(({ seed }) => seed)).size).toBe(6);
    const conditions = status['conditions'] as { type: string; reason?: string; message?: string }[];
    expect(conditions.slice(4).map(({ type, reason }) => [type, reason])).toEqual([
      ['Training', 'DoTraining'],
      ['Training', 'DoTraining'],
      ['Training', 'DoTraining'],
      ['Complete', undefined],
    ]);
    expect(conditions[4]?.message).toMatch(/^Round 1 reaches at /);
    expect(status).toMatchObject({
      lastRound: { round: 3, samples: 30, metrics: { accuracy: 0.8 }, message: '2 clients, 30 samples, accuracy 0.8' },
    });
    expect(scene.dismissed.sort()).toEqual(scene.clients.map((_, i) => expect.stringMatching(`^plain-train-0${i}-`)));
    const model = await temporal.view({ kind: 'Model', namespace: 'default', name: 'plain-model' });
    const { live } = model.status as { live: string };
    expect(conditions[1]).toMatchObject({
      type: 'Available',
      message: `3 of 3 rounds; live version ${live}, of round 3`,
    });
    // Clients judge what a round starts from: the model of round 1 in round 2, that of the last one never.
    const versions = model.status['versions'] as { stage: string; metrics: Record<string, number[]> }[];
    expect(model.status).toMatchObject({ phase: 'Live' });
    expect(versions.map(({ stage, metrics }) => [stage, metrics])).toEqual([
      ['retired', { accuracy: [0.7] }],
      ['retired', { accuracy: [0.8] }],
      ['live', {}],
    ]);
    await scene.stop();
  }, 60_000);

  test('judges every global model on test data, on its node, and says why it cannot', async () => {
    const scene = await new FederatedScene(temporal, 'central', 2).start();
    const evaluation = {
      every: 2,
      where: 'Central' as const,
      dataset: 'central-test',
      label: 'y',
      loss: 'mse' as const,
    };
    scene.onEvaluate = () => ({ samples: 5, metrics: { mse: scene.evaluations.length / 10, other: 1 } });
    await scene.applyAll({ evaluation: { ...evaluation, metrics: ['mse'] } });
    await scene.status({ waitingFor: { reason: 'DatasetMissing' } });
    await temporal.apply(
      { kind: 'Dataset', namespace: 'default', name: 'central-test' },
      { fields: { url: '/data/test.csv', format: 'csv', nodeName: 'central-1' } },
    );
    const status = await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(status['rounds']).toMatchObject([{ metrics: {} }, { metrics: { mse: 0.1 } }, { metrics: { mse: 0.2 } }]);
    expect((status['lastRound'] as { metrics: object }).metrics).toEqual({ mse: 0.2 });
    expect(scene.evaluations[0]).toMatchObject({
      dataset: { url: '/data/test.csv', format: 'csv' },
      label: 'y',
      loss: 'mse',
    });
    // Of the client, nobody asked.
    expect(scene.tasks.every(({ evaluate }) => !evaluate)).toBe(true);
    await scene.stop();
  }, 60_000);

  test('goes on when the test data or the model is not what it must be, with the reason', async () => {
    const scene = await new FederatedScene(temporal, 'unjudged', 1).start();
    const evaluation = { where: 'Central' as const, dataset: 'unjudged-data-0', label: 'y', loss: 'mse' as const };
    scene.onEvaluate = () => {
      throw ApplicationFailure.nonRetryable('/data.csv has no column "y"', 'DatasetUnreadable');
    };
    await scene.applyAll({ rounds: { total: 1 }, evaluation: { every: 1, ...evaluation } });
    await scene.status({
      phase: 'Succeeded',
      lastRound: { message: '1 clients, 10 samples; not judged: /data.csv has no column "y"' },
    });
    await scene.stop();
  }, 60_000);

  test('asks for its strategy before anybody trains, once, and names one that is not there', async () => {
    const scene = await new FederatedScene(temporal, 'unknown', 1).start();
    scene.onCheck = ({ name }) => {
      if (name !== 'FedAvg')
        throw ApplicationFailure.nonRetryable(`"${name}" is unknown; there are FedAvg`, 'InvalidSpec');
      return undefined;
    };
    const aggregation = { templateDigest: 'a', node: scene.cloud.name, strategy: 'FedAvgg', parameters: {} };
    await scene.applyAll({ aggregation });
    await scene.status({
      phase: 'Failed',
      waitingFor: { reason: 'InvalidSpec', message: '"FedAvgg" is unknown; there are FedAvg' },
    });
    expect(scene.tasks).toEqual([]);
    await scene.applyJob();
    await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(scene.checks.map(({ name }) => name)).toEqual(['FedAvgg', 'FedAvg']);
    await scene.stop();
  }, 60_000);

  test('says that the disk of the node that aggregates is full, until there is room', async () => {
    const scene = await new FederatedScene(temporal, 'full', 1).start();
    let hasRoom = false;
    scene.byAggregator(() => hasRoom, { reason: 'DiskFull', message: 'on cloud: no space left on this node' });
    await scene.applyAll({ rounds: { total: 1 } });
    const message = 'round 1: on cloud: no space left on this node; it is tried again from the accepted updates';
    const { conditions } = await scene.status({ stage: 'Aggregating', waitingFor: { reason: 'DiskFull', message } });
    expect(conditions).toContainEqual(
      expect.objectContaining({ type: 'Degraded', status: 'True', reason: 'DiskFull' }),
    );
    hasRoom = true;
    await scene.status({ phase: 'Succeeded', round: '1/1', waitingFor: null }, 30_000);
    expect(scene.tasks).toHaveLength(1);
    await scene.stop();
  });

  test('waits for clients that are missing, and takes them in whenever they come', async () => {
    const scene = new FederatedScene(temporal, 'order', 2);
    await scene.start([scene.cloud]);
    scene.imported = { weights: await scene.blobs.put('w'), file: await scene.blobs.put('f') };
    await scene.applyJob();
    await scene.status({ waitingFor: { reason: 'ModelMissing' } });
    await scene.applyModel();
    await scene.status({ waitingFor: { reason: 'TooFewClients', have: 0, need: 2, missing: ['00', '01'] } });
    await scene.applyDataset(0);
    await scene.applyDataset(1);
    await scene.start(scene.clients);
    await scene.status({ phase: 'Succeeded' }, 20_000);
    await scene.stop();
  }, 60_000);

  test('an open round says who is missing; a late client closes it', async () => {
    const scene = await new FederatedScene(temporal, 'slow', 2).start();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    scene.answer = async (input) => {
      if (input.identity.client === '01') await held;
      return scene.update(input);
    };
    await scene.applyAll({ rounds: { total: 1 } });
    const status = await scene.status({ waitingFor: { reason: 'Collecting', have: 1, need: 2, missing: ['01'] } });
    expect(clientsOf(status).map(({ state }) => state)).toEqual(['Accepted', 'Invited']);
    release();
    await scene.status({ phase: 'Succeeded' });
    await scene.stop();
  }, 60_000);

  test('closes at its deadline with a quorum, and without the missing client', async () => {
    const scene = await new FederatedScene(temporal, 'deadline', 3).start();
    scene.answer = (input) => (input.identity.client === '02' ? never() : scene.update(input));
    await scene.applyAll({ rounds: { total: 2, deadlineMs: 1500, minClientsToStart: 3, quorum: { minAvailable: 2 } } });
    await scene.status({ phase: 'Succeeded' }, 20_000);
    expect(scene.aggregations.map(({ updates }) => updates.map(({ client }) => client))).toEqual([
      ['00', '01'],
      ['00', '01'],
    ]);
    await scene.stop();
  }, 60_000);

  test('a strategy that needs more updates than the quorum has them; one that needs more than there are is refused', async () => {
    const scene = await new FederatedScene(temporal, 'robust', 3).start();
    scene.onCheck = ({ parameters: { least } }) => ({ minUpdates: Number(least) });
    let isAway = true;
    scene.answer = (input) => (isAway && input.identity.client === '02' ? never() : scene.update(input));
    const aggregation = { templateDigest: 'a', node: scene.cloud.name, strategy: 'Krum', parameters: { least: 4 } };
    const rounds = { total: 1, deadlineMs: 500, quorum: { minAvailable: 2 } };
    await scene.applyAll({ rounds, aggregation });
    const refused = await scene.status({ phase: 'Failed', waitingFor: { reason: 'InvalidSpec' } });
    expect(refused['waitingFor']).toMatchObject({
      message: 'spec.aggregation: Krum with these parameters needs 4 updates a round; spec.trainingWorkers are 3',
    });
    expect(scene.tasks).toEqual([]);
    await scene.applyJob({ rounds, aggregation: { ...aggregation, parameters: { least: 3 } } });
    await scene.status({ phase: 'Running', quorum: '2/3', waitingFor: { reason: 'QuorumLost', have: 2, need: 3 } });
    isAway = false;
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', stage: null });
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded', lastRound: { clients: 3 } });
    await scene.stop();
  }, 60_000);

  test('a lost quorum keeps the round open, names the refusal, and retry asks again', async () => {
    const scene = await new FederatedScene(temporal, 'refused', 2).start();
    scene.answer = (input) =>
      input.identity.client === '01'
        ? {
            refused: { reason: 'NotFinite', message: 'tensor fc.weight holds NaN' },
            client: '01',
            node: 'refused-1',
          }
        : scene.update(input);
    await scene.applyAll({ rounds: { total: 1 } });
    const status = await scene.status({
      phase: 'Running',
      waitingFor: { reason: 'QuorumLost', have: 1, need: 2, missing: ['01'] },
    });
    expect(clientsOf(status)[1]).toMatchObject({ state: 'Refused', reason: 'NotFinite' });
    expect(status['refusals']).toEqual({ NotFinite: 1 });
    scene.answer = (input) => scene.update(input);
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ phase: 'Succeeded', refusals: { NotFinite: 1 } });
    // The accepted one was not asked again.
    expect(scene.tasks.map(({ identity }) => identity.client).sort()).toEqual(['00', '01', '01']);
    await scene.stop();
  }, 60_000);

  test('a round that cannot close is left by stop and opened again by resume, with what was accepted', async () => {
    const scene = await new FederatedScene(temporal, 'left', 2).start();
    scene.answer = (input) => (input.identity.client === '01' ? never() : scene.update(input));
    await scene.applyAll({ rounds: { total: 1 } });
    await scene.status({ waitingFor: { reason: 'Collecting', have: 1 } });
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', round: '0/1' });
    await scene.applyJob({ rounds: { total: 1, quorum: { minAvailable: 1 }, deadlineMs: 1_000 } });
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded', lastRound: { round: 1, clients: 1 } });
    const asked = scene.tasks.filter(({ identity }) => identity.client === '00').map(({ identity }) => identity);
    expect(asked).toEqual([asked[0], asked[0]]);
    // A word that comes when all is done holds nothing back.
    await temporal.signal(scene.ref, 'stop');
    const { conditions } = await scene.status({ phase: 'Succeeded' });
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'Suspended', status: 'False' }));
    await scene.stop();
  }, 60_000);

  test('a strategy chooses the clients of each round, the same ones for the same seed', async () => {
    const scene = await new FederatedScene(temporal, 'chosen', 4).start();
    const selection = { strategy: 'Random', perRound: 2, parameters: {}, seed: 7 };
    await scene.applyAll({ rounds: { total: 4 }, selection });
    await scene.status({ phase: 'Succeeded' }, 20_000);
    const rounds = scene.aggregations.map(({ updates }) => updates.map(({ client }) => client));
    expect(rounds.map(({ length }) => length)).toEqual([2, 2, 2, 2]);
    expect(new Set(rounds.flat()).size).toBeGreaterThan(2);
    await scene.applyJob({ rounds: { total: 5 }, selection: { ...selection, strategy: 'Rundom' } });
    await scene.status({ phase: 'Failed', waitingFor: { reason: 'InvalidSpec' } });
    await scene.applyJob({ rounds: { total: 5 }, selection });
    await scene.status({ phase: 'Succeeded', round: '5/5' });
    await scene.stop();
  }, 60_000);

  test('a choice by label waits for the nodes that have it', async () => {
    const scene = new FederatedScene(temporal, 'labelled', 3);
    const [first, second, third] = scene.clients;
    await scene.start([scene.cloud]);
    const selection = { strategy: 'ByLabel', parameters: { key: 'site', value: 'here' }, seed: 7 };
    await scene.applyAll({ rounds: { total: 1, quorum: { fraction: 0.3 } }, selection });
    await scene.status({ phase: 'Running', waitingFor: { reason: 'TooFewClients', have: 0, need: 1 } });
    await scene.start([first, second].filter((node) => node !== undefined));
    const message =
      'round 1: spec.clientSelection: ByLabel chooses nobody of the clients that are there, 1 needed; ' +
      'it chooses again when one comes, has other labels, or the job is edited';
    await scene.status({ waitingFor: { reason: 'TooFewClients', message, missing: ['02'] } });
    await third?.start();
    await third?.register({ site: 'here' });
    await scene.status({ phase: 'Succeeded', lastRound: { round: 1, clients: 1 } });
    expect(scene.tasks.map(({ identity }) => identity.client)).toEqual(['02']);
    await scene.stop();
  }, 60_000);

  test('a pretrained model that cannot be read is named, before anybody trains', async () => {
    const scene = await new FederatedScene(temporal, 'pretrained', 1).start();
    const name = 'pretrained-first';
    const fields = { url: '/nowhere/first.onnx', format: 'onnx', devices: [] };
    await temporal.apply({ kind: 'Model', namespace: 'default', name }, { fields });
    const imported = { weights: await scene.blobs.put('weights 0') };
    scene.onImport = (url) => (url.startsWith('/nowhere') ? undefined : imported);
    await scene.applyAll({ pretrainedModel: name, rounds: { total: 1 } });
    const { waitingFor } = await scene.status({ phase: 'Failed', waitingFor: { reason: 'ModelUnreadable' } });
    expect(waitingFor).toMatchObject({
      message: expect.stringContaining(
        'spec.pretrainedModel: Model pretrained-first: /nowhere/first.onnx is not there on',
      ),
    });
    expect(scene.tasks).toEqual([]);
    scene.onImport = () => imported;
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ phase: 'Succeeded' });
    await scene.stop();
  }, 60_000);

  test('what a strategy keeps is given to the same strategy alone', async () => {
    const scene = await new FederatedScene(temporal, 'kept', 1).start();
    const state = await scene.blobs.put('moments');
    scene.onAggregate = () => ({ state });
    const by = (strategy: string) => ({ templateDigest: 'a', node: scene.cloud.name, strategy, parameters: {} });
    await scene.applyAll({ rounds: { total: 2 }, aggregation: by('FedAdam') });
    await scene.status({ phase: 'Succeeded' });
    await scene.applyJob({ rounds: { total: 3 }, aggregation: by('FedYogi') });
    await scene.status({ phase: 'Succeeded', round: '3/3' });
    expect(scene.aggregations.map((input) => [input.strategy.name, input.state])).toEqual([
      ['FedAdam', undefined],
      ['FedAdam', state],
      ['FedYogi', undefined],
    ]);
    await scene.stop();
  }, 60_000);

  test('edits take effect at the next round; pause holds between two rounds', async () => {
    const scene = await new FederatedScene(temporal, 'edited', 2).start();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    scene.answer = async (input) => {
      if (input.identity.round === 1) await held;
      return scene.update(input);
    };
    await scene.applyAll({ rounds: { total: 2 } });
    await scene.status({ waitingFor: { reason: 'Collecting' } });
    await scene.applyJob({
      rounds: { total: 2 },
      aggregation: { templateDigest: 'a', node: scene.cloud.name, strategy: 'FedMedian', parameters: {} },
    });
    await temporal.signal(scene.ref, 'pause');
    await scene.status({ phase: 'Paused', observedGeneration: 2 });
    release();
    await scene.status({ phase: 'Paused', lastRound: { round: 1 } });
    expect(scene.aggregations.map(({ strategy }) => strategy.name)).toEqual(['FedAvg']);
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Succeeded' });
    expect(scene.aggregations.map(({ strategy }) => strategy.name)).toEqual(['FedAvg', 'FedMedian']);
    await scene.stop();
  }, 60_000);

  test('signals with nonsense in them do a run no harm', async () => {
    const scene = await new FederatedScene(temporal, 'nonsense', 2).start();
    const held = gate();
    scene.answer = async (input) => {
      await held.opened;
      return scene.update(input);
    };
    await scene.applyAll({ rounds: { total: 1 } });
    await scene.status({ waitingFor: { reason: 'Collecting' } });
    const run = temporal.client.workflow.getHandle(scene.runId);
    for (const nonsense of [[], [null], ['banana'], [{ generation: 99 }], [{ cohort: 'x', answers: 7 }]]) {
      for (const name of ['plan', 'mode', 'retry', 'answers']) await run.signal(name, ...nonsense);
    }
    held.open();
    await scene.status({ phase: 'Succeeded', round: '1/1' });
    await scene.stop();
  }, 60_000);

  test('a client that an edit takes out has its trainer dismissed when the next round begins', async () => {
    const scene = await new FederatedScene(temporal, 'shrunk', 2).start();
    const held = gate();
    scene.answer = async (input) => {
      if (input.identity.round === 2) await held.opened;
      return scene.update(input);
    };
    const rounds = { total: 2 };
    await scene.applyAll({ rounds });
    await scene.status({ round: '2/2', waitingFor: { reason: 'Collecting' } });
    expect(scene.dismissed).toEqual([]);
    const [first] = scene.fields().clients;
    await scene.applyJob({ rounds: { total: 3 }, clients: first === undefined ? [] : [first] });
    await scene.status({ observedGeneration: 2 });
    scene.answer = async (input) => {
      if (input.identity.round === 3) await eventually(() => expect(scene.dismissed).toHaveLength(1));
      return scene.update(input);
    };
    held.open();
    await scene.status({ phase: 'Succeeded', round: '3/3' });
    expect(scene.dismissed[0]).toMatch(/^shrunk-train-01-/);
    await scene.stop();
  }, 60_000);

  test('stop ends after the round, resume goes on; deleting in a round leaves nothing', async () => {
    const scene = await new FederatedScene(temporal, 'stopped', 2).start();
    let asked = 0;
    scene.answer = async (input) => {
      asked += 1;
      if (input.identity.round === 2) return never();
      if (asked === 1) await temporal.signal(scene.ref, 'stop');
      return scene.update(input);
    };
    await scene.applyAll();
    await scene.status({ phase: 'Stopped', stage: null });
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ phase: 'Running', round: '2/3', waitingFor: { reason: 'Collecting' } });
    const run = scene.runId;
    await temporal.signal(scene.ref, 'remove');
    await temporal.ended(scene.ref, 30_000);
    await eventually(async () => {
      const { status } = await temporal.client.workflow.getHandle(run).describe();
      expect(status.name).toBe('CANCELLED');
    });
    expect(scene.clients.flatMap(({ removed }) => removed.map(({ name }) => name))).toEqual(['stopped', 'stopped']);
    await scene.stop();
  }, 90_000);

  test('a run that somebody ends is told, and retry goes on with the round that was open', async () => {
    const scene = await new FederatedScene(temporal, 'ended', 2).start();
    let hold = true;
    scene.answer = (input) => (hold && input.identity.round === 2 ? never() : scene.update(input));
    await scene.applyAll();
    for (const ending of ['terminate', 'cancel'] as const) {
      await scene.status({ round: '2/3', waitingFor: { reason: 'Collecting' } });
      await temporal.client.workflow.getHandle(scene.runId)[ending]();
      await scene.status({ phase: 'Failed', waitingFor: { reason: 'RoundEnded' }, lastRound: { round: 1 } });
      if (ending === 'cancel') hold = false;
      await temporal.signal(scene.ref, 'retry');
    }
    await scene.status({ phase: 'Succeeded', round: '3/3' });
    expect(scene.aggregations.map(({ round }) => round)).toEqual([1, 2, 3]);
    await scene.stop();
  }, 60_000);

  test('a job that somebody terminates takes its rounds along, one that is there again at once takes them over', async () => {
    const scene = await new FederatedScene(temporal, 'orphan', 2).start();
    const held: (() => void)[] = [];
    scene.answer = async (input) => {
      if (input.identity.round === 2) await new Promise<void>((resolve) => held.push(resolve));
      return scene.update(input);
    };
    const uid = 'b0b0b0b0-0000-4000-8000-000000000001';
    const apply = () => scene.applyAll({}, { origin: 'standalone', uid, generation: 1 });
    await apply();
    await scene.status({ round: '2/3', waitingFor: { reason: 'Collecting' } });
    const [job, run] = [entityId(scene.ref), scene.runId].map((id) => temporal.client.workflow.getHandle(id));
    await job?.terminate();
    await apply();
    await scene.status({ round: '2/3', lastRound: { round: 1 } });
    await eventually(() => expect(held).toHaveLength(2));
    held.splice(0).forEach((release) => release());
    await scene.status({ phase: 'Succeeded', round: '3/3' });
    expect(scene.aggregations.map(({ round }) => round)).toEqual([1, 2, 3]);
    await eventually(async () => expect((await run?.describe())?.status.name).toBe('COMPLETED'));

    scene.tasks.length = 0;
    await scene.applyAll({ rounds: { total: 90 } }, { origin: 'standalone', uid, generation: 2 });
    await eventually(() => expect(scene.tasks.length).toBeGreaterThan(0));
    await job?.terminate();
    await eventually(async () => expect((await run?.describe())?.status.name).toBe('COMPLETED'));
    expect(scene.aggregations.length).toBeLessThan(90);
    await scene.stop();
  }, 60_000);

  test('metrics that are no finite numbers break nothing: the round counts without them', async () => {
    const scene = await new FederatedScene(temporal, 'metrics', 2).start();
    scene.answer = async (input) => {
      const result = await scene.update(input);
      if ('accepted' in result) result.accepted.evaluation = { loss: 1e308, other: Number.NaN };
      return result;
    };
    scene.onAggregate = () => ({ metrics: { spread: Number.NaN, used: 2 } });
    await scene.applyAll({ rounds: { total: 2 } });
    const { lastRound } = await scene.status({ phase: 'Succeeded', round: '2/2' }, 30_000);
    expect(lastRound).toMatchObject({ metrics: { loss: 1e308, used: 2 } });
    expect(Object.keys((lastRound as { metrics: object }).metrics)).toHaveLength(2);
    await scene.stop();
  }, 60_000);
});
