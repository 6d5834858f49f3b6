/**
 * Records histories of every workflow type from a real server into test/histories/<type>/<name>.json, for replay.test.ts.
 *
 *   node test/replay/record.ts <release> [<story> …]     for example v0.1: files are <story>-<release>.json
 *
 * Run it once per released shape. What is stored stays stored: a change of workflow code that breaks an old history would break
 * the entities that run in the field.
 */
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageRoot, writeAtomic } from '../../deploy/local/files.ts';
import { stopProcess } from '../../workers/lib/process.ts';
import { kinds } from '../../crds/registry.ts';
import { signalEntity } from '../../activities/lib/entities.ts';
import { entityId, nodeRef, roundId, workflowType, type EntityRef } from '../../workflows/lib/ids.ts';
import { eventually } from '../support/eventually.ts';
import globalSetup from '../support/global-setup.ts';
import globalTeardown from '../support/global-teardown.ts';
import { Cluster } from '../workflows/support/cluster.ts';
import { clientsOf, smallCohorts } from '../workflows/support/cohorts.ts';
import { fail, ScriptedNode } from '../workflows/support/edge.ts';
import { FederatedScene } from '../workflows/support/federated.ts';
import { TestNamespace } from '../workflows/support/namespace.ts';
import { Scene, type JobChange } from '../workflows/support/scene.ts';
import { ask, ServiceScene } from '../workflows/support/service-scene.ts';
import { startShortHistoryServer } from '../workflows/support/short-history-server.ts';

const [release = '', ...chosen] = process.argv.slice(2);
if (!/^v\d+(\.\d+)*$/.test(release)) throw new Error('say which release is recorded: node test/replay/record.ts v0.1');

const isWanted = (story: string): boolean => chosen.length === 0 || chosen.includes(story);

const plainKinds = ['Dataset', 'Model', 'IncrementalLearningJob', 'FederatedLearningJob', 'JointInferenceService'];

/** Stores the history of a run; without `runId` of the newest one. */
async function store(temporal: TestNamespace, id: string, story: string, runId?: string): Promise<void> {
  const history = await temporal.client.workflow.getHandle(id, runId).fetchHistory();
  const type = history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name ?? 'unknown';
  const file = join(packageRoot(), 'test', 'histories', type, `${story}-${release}.json`);
  mkdirSync(dirname(file), { recursive: true });
  // Who was connected, and where its code lay, says nothing to a replay.
  const json = historyToJSON(history)
    .replace(/"identity":\s*"[^"]*"/g, '"identity": "recorded"')
    .replace(/"\d+@[^"]*"/g, '"recorded"')
    .replace(/"stackTrace":\s*"(?:[^"\\]|\\.)*"/g, '"stackTrace": ""');
  writeAtomic(file, `${JSON.stringify(JSON.parse(json), null, 1)}\n`);
  console.log(`${type}/${story}-${release}.json: ${history.events?.length} events`);
}

function status(temporal: TestNamespace, ref: EntityRef, expected: object, boundMs = 30_000): Promise<unknown> {
  return temporal.view(ref, (view) => assert.partialDeepStrictEqual(view.status, expected), boundMs);
}

async function unsupported(temporal: TestNamespace): Promise<void> {
  for (const { kind } of kinds.filter((known) => !plainKinds.includes(known.kind))) {
    const ref = { kind, namespace: 'default', name: 'later' };
    await temporal.apply(ref, { fields: {} });
    await status(temporal, ref, { waitingFor: { reason: 'NotSupportedYet' } });
    await temporal.signal(ref, 'remove');
    await temporal.ended(ref);
    await store(temporal, entityId(ref), workflowType(kind));
  }
}

async function model(temporal: TestNamespace): Promise<void> {
  const ref = { kind: 'Model', namespace: 'default', name: 'followed' };
  const fields = { url: '/m.onnx', format: 'onnx', devices: [] };
  await signalEntity(temporal.client, ref, 'subscribe', nodeRef('edge-1'));
  const message = { origin: 'kubernetes', uid: 'u-m', generation: 1, fields } as const;
  await temporal.apply(ref, { ...message, verbs: { trigger: 'a' } });
  await status(temporal, ref, { refused: { verb: 'trigger' } });
  await temporal.apply(ref, { ...message, generation: 2, invalid: [{ path: 'spec.url', message: 'is required' }] });
  await status(temporal, ref, { observedGeneration: 2 });
  await temporal.apply(ref, { ...message, uid: 'u-n' });
  await temporal.view(ref, ({ metadata }) => assert.equal(metadata.uid, 'u-n'));
  await temporal.signal(ref, 'remove', { uid: 'u-n' });
  await temporal.signal(ref, 'unsubscribe', nodeRef('edge-1'));
  await temporal.ended(ref);
  await store(temporal, entityId(ref), 'recreated');
}

async function job(temporal: TestNamespace, story: string, change: JobChange, act: (scene: Scene) => Promise<void>) {
  const node = new ScriptedNode(temporal, `edge-${story}`);
  node.replaceSamples([]);
  const scene = new Scene(temporal, node, story);
  await scene.applyAll(change);
  await status(temporal, scene.ref, { waitingFor: { reason: 'NodeUnknown' } });
  await node.register();
  await node.start();
  await status(temporal, scene.ref, { waitingFor: { reason: 'NoNewSamples' } });
  const uid = (await temporal.view(scene.ref)).metadata.uid ?? '';
  await act(scene);
  await scene.say('remove');
  await temporal.ended(scene.ref, 30_000);
  await store(temporal, entityId(scene.ref), story);
  const runs: string[] = [];
  const id = roundId(entityId(scene.ref), uid, 1);
  for await (const { runId } of temporal.client.workflow.list({ query: `WorkflowId = "${id}"` })) runs.unshift(runId);
  for (const [i, runId] of runs.entries()) await store(temporal, id, `${story}-${i + 1}`, runId);
  for (const suffix of ['data', 'deployed']) {
    const ref = scene.ofKind(suffix === 'data' ? 'Dataset' : 'Model', suffix);
    await temporal.signal(ref, 'remove');
    await temporal.ended(ref);
    await store(temporal, entityId(ref), story);
  }
  await node.stop();
  await status(temporal, nodeRef(node.name), { phase: 'Silent' });
  await store(temporal, entityId(nodeRef(node.name)), story);
}

const done = (round: number) => ({ phase: 'Waiting', round, lastRound: { round } });

async function jobs(temporal: TestNamespace): Promise<void> {
  for (const [story, hotUpdate] of [['cold', false] as const, ['hot', true] as const]) {
    await job(temporal, story, { hotUpdate }, async (scene) => {
      for (let round = 1; round <= 2; round++) {
        scene.node.samples(round * 10 - 10, round * 10);
        await status(temporal, scene.ref, done(round));
      }
      await scene.applyJob({ hotUpdate, threshold: 5 });
      scene.node.replaceSamples(['other 1', 'other 2']);
      await status(temporal, scene.ref, { observedGeneration: 2, waitingFor: { reason: 'ThresholdNotReached' } });
      await scene.say('trigger');
      await status(temporal, scene.ref, done(3));
    });
  }
  await job(temporal, 'retried', {}, async (scene) => {
    const good = scene.node.onRun;
    let attempts = 0;
    scene.node.onRun = (input, node) => {
      attempts += 1;
      if (attempts === 1) fail('WorkerFailed', 'exit code 1');
      return input.worker.stage === 'Eval' ? fail('InvalidTemplate', 'no container') : good(input, node);
    };
    scene.node.samples(0, 10);
    await status(temporal, scene.ref, { phase: 'Failed', stage: 'Eval' });
    scene.node.onRun = good;
    await scene.say('retry');
    await status(temporal, scene.ref, done(1));
  });
  await job(temporal, 'stopped', {}, async (scene) => {
    const good = scene.node.onRun;
    let go = (): void => undefined;
    const opened = new Promise<void>((resolve) => (go = resolve));
    scene.node.onRun = (input, node) => opened.then(() => good(input, node));
    scene.node.samples(0, 10);
    await eventually(() => assert.equal(scene.node.runs.length, 1));
    await scene.say('pause');
    await status(temporal, scene.ref, { waitingFor: { reason: 'Paused' } });
    await scene.say('stop');
    await status(temporal, scene.ref, { waitingFor: { reason: 'Stopped' } });
    go();
    await status(temporal, scene.ref, { phase: 'Stopped', stage: 'Eval' });
    await scene.say('resume');
    await status(temporal, scene.ref, done(1));
  });
  await job(temporal, 'deleted', {}, async (scene) => {
    scene.node.onRun = () => new Promise(() => undefined);
    scene.node.samples(0, 10);
    await eventually(() => assert.equal(scene.node.runs.length, 1));
  });
}

/** A federated job that is refused once, edited, paused, and one that is deleted in a round. */
async function federated(temporal: TestNamespace): Promise<void> {
  const scene = await new FederatedScene(temporal, 'rounds', 2).start();
  let refuse = true;
  scene.answer = async (input) => {
    const { client, round } = input.identity;
    if (round === 2 && client === '01' && refuse) {
      return { refused: { reason: 'NotFinite', message: 'tensor w holds NaN' }, client, node: 'rounds-1' };
    }
    return scene.update(input);
  };
  await scene.applyAll({ rounds: { total: 3, deadlineMs: 2_000 } });
  await scene.status({ waitingFor: { reason: 'QuorumLost' } }, 30_000);
  await scene.applyJob({ rounds: { total: 4 } });
  await temporal.signal(scene.ref, 'pause');
  await scene.status({ phase: 'Paused' });
  refuse = false;
  await temporal.signal(scene.ref, 'retry');
  await scene.status({ lastRound: { round: 2 } });
  await temporal.signal(scene.ref, 'resume');
  await scene.status({ phase: 'Succeeded' }, 30_000);
  await temporal.signal(scene.ref, 'remove');
  await temporal.ended(scene.ref, 30_000);
  await store(temporal, entityId(scene.ref), 'rounds');
  await store(temporal, scene.runId, 'rounds');
  await scene.stop();

  const gone = await new FederatedScene(temporal, 'gone', 2).start();
  gone.answer = () => new Promise(() => undefined);
  await gone.applyAll();
  await gone.status({ waitingFor: { reason: 'Collecting' } });
  await eventually(() => assert.equal(gone.tasks.length, 2));
  await temporal.signal(gone.ref, 'remove');
  await temporal.ended(gone.ref, 30_000);
  await store(temporal, entityId(gone.ref), 'deleted');
  await store(temporal, gone.runId, 'deleted');
  await gone.stop();
}

/** One with a buffer, whose slow client is too old once, and that is stopped in between. */
async function buffered(temporal: TestNamespace): Promise<void> {
  const scene = await new FederatedScene(temporal, 'buffered', 2).start();
  let isStopped = false;
  scene.answer = async (input) => {
    const { client, round, turn = 0 } = input.identity;
    const first = client === '00' && turn === 0;
    const holds = (client === '01' && round === 1) || (round === 3 && !first && !isStopped);
    return holds ? new Promise(() => undefined) : scene.update(input);
  };
  const aggregation = {
    ...{ templateDigest: 'a', node: scene.cloud.name, strategy: 'FedBuff' },
    parameters: { bufferSize: 3, maxStaleness: 1 },
  };
  await scene.applyAll({ aggregation, rounds: { total: 3 }, clients: scene.fields().clients.slice(0, 2) });
  await scene.status({ round: '3/3' }, 30_000);
  await temporal.signal(scene.ref, 'stop');
  await scene.status({ phase: 'Stopped' }, 30_000);
  isStopped = true;
  await temporal.signal(scene.ref, 'resume');
  await scene.status({ phase: 'Succeeded' }, 30_000);
  await temporal.signal(scene.ref, 'remove');
  await temporal.ended(scene.ref, 30_000);
  await store(temporal, entityId(scene.ref), 'buffered');
  const runs: string[] = [];
  await eventually(async () => {
    runs.length = 0;
    const query = `WorkflowId = "${scene.runId}"`;
    for await (const { runId } of temporal.client.workflow.list({ query })) runs.unshift(runId);
    assert.equal(runs.length, 2);
  });
  for (const [i, runId] of runs.entries()) await store(temporal, scene.runId, `buffered-${i + 1}`, runId);
  await scene.stop();
}

/** One whose client is late, whose models are judged, and that is reset while it runs. */
async function credited(temporal: TestNamespace): Promise<void> {
  const scene = await new FederatedScene(temporal, 'credited', 3).start();
  let isReset = false;
  scene.answer = async (input) => {
    const { client, round } = input.identity;
    if (client === '02' && round === 1) await eventually(() => assert.ok(scene.aggregations.length > 0));
    if ((client === '02' && round === 2) || (round === 3 && !isReset)) return new Promise(() => undefined);
    return scene.update(input);
  };
  const rounds = {
    ...{ total: 3, deadlineMs: 2_000, minClientsToStart: 3, quorum: { minAvailable: 2 } },
    late: 'CreditNextRound' as const,
  };
  const evaluation = {
    every: 1,
    where: 'Central' as const,
    dataset: 'credited-data-0',
    label: 'y',
    loss: 'mse' as const,
  };
  scene.onEvaluate = () => ({ samples: 3, metrics: { mse: 0.5 } });
  await scene.applyAll({ rounds, evaluation });
  await scene.status({ lastRound: { round: 2, credited: [{ client: '02', round: 1 }] }, round: '3/3' }, 30_000);
  isReset = true;
  const first = scene.runId;
  await temporal.signal(scene.ref, 'reset', { toRound: 1 });
  await scene.status({ phase: 'Succeeded', epoch: 2 }, 30_000);
  const second = scene.tasks.at(-1)?.identity.run ?? '';
  await temporal.signal(scene.ref, 'remove');
  await temporal.ended(scene.ref, 30_000);
  await store(temporal, entityId(scene.ref), 'credited');
  await store(temporal, first, 'credited');
  await store(temporal, second, 'reset');
  await scene.stop();
}

/** One of whose clients only features are asked. */
async function mistNet(temporal: TestNamespace): Promise<void> {
  const scene = await new FederatedScene(temporal, 'encoded', 2).start();
  const aggregation = {
    ...{ templateDigest: 'a', node: scene.cloud.name, strategy: 'MistNet' },
    parameters: { cut_layer: 'relu2' },
  };
  await scene.applyAll({ aggregation, rounds: { total: 1 } });
  await scene.status({ phase: 'Succeeded' }, 30_000);
  await temporal.signal(scene.ref, 'remove');
  await temporal.ended(scene.ref, 30_000);
  await store(temporal, entityId(scene.ref), 'encoded');
  await store(temporal, scene.runId, 'encoded');
  await scene.stop();
}

/** Aggregated by an image that fails, is mended in the middle of a round, and gives way to a strategy that does without. */
async function byWorker(temporal: TestNamespace): Promise<void> {
  const scene = await new FederatedScene(temporal, 'by-worker', 2).start();
  const by = (strategy: string, templateDigest: string) => ({
    aggregation: { templateDigest, node: scene.cloud.name, strategy, parameters: {} },
    rounds: { total: 3 },
  });
  scene.byAggregator(({ aggregator, round }) => round < 3 && aggregator?.worker.revision === '["b",2]');
  await scene.applyAll(by('Worker', 'a'));
  await scene.status({ round: '1/3', waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
  await temporal.signal(scene.ref, 'retry');
  await scene.applyJob(by('Worker', 'b'));
  await scene.status({ round: '3/3', waitingFor: { reason: 'AggregatorFailed' } }, 30_000);
  scene.onAggregate = () => ({});
  await scene.applyJob(by('FedAvg', 'b'));
  await scene.status({ phase: 'Succeeded' }, 30_000);
  await temporal.signal(scene.ref, 'remove');
  await temporal.ended(scene.ref, 30_000);
  await store(temporal, entityId(scene.ref), 'by-worker');
  await store(temporal, scene.runId, 'by-worker');
  await scene.stop();
}

/** Rounds of more clients than the run asks itself: one cohort is ended by hand, one has a client that is late, one is given up. */
async function cohorts(): Promise<void> {
  const temporal = await TestNamespace.open();
  await temporal.control(new Cluster(), { workflowBundle: await smallCohorts() });
  const scene = await new FederatedScene(temporal, 'cohorts', 1).start();
  let isEnded = false;
  scene.answer = async (input) => {
    const { client, round } = input.identity;
    if (round === 1 && Number(client) < 3) await eventually(() => assert.ok(isEnded), 30_000);
    if (round === 1 && client === '03') return { refused: { reason: 'NotFinite', message: 'NaN' }, client, node: 'n' };
    if (round === 1 && client === '06') await eventually(() => assert.ok(scene.aggregations.length > 0), 30_000);
    return client === '07' || (client === '06' && round === 2) ? new Promise(() => undefined) : scene.update(input);
  };
  const rounds = { total: 2, deadlineMs: 6_000, quorum: { minAvailable: 5 }, late: 'CreditNextRound' } as const;
  await scene.applyAll({ clients: clientsOf(scene, 8), rounds });
  await scene.status({ quorum: '2/5' }, 30_000);
  await temporal.client.workflow.getHandle(`${scene.runId}/cohort/1-0`).terminate('by hand');
  isEnded = true;
  await scene.status({ phase: 'Succeeded' }, 30_000);
  await temporal.signal(scene.ref, 'remove');
  await temporal.ended(scene.ref, 30_000);
  await store(temporal, scene.runId, 'cohorts');
  for (const id of ['1-1', '1-2', '2-1']) await store(temporal, `${scene.runId}/cohort/${id}`, `cohort-${id}`);
  await scene.stop();
  await temporal.close();
}

/** A service that starts without its cloud, is replaced, misfit, paused, scaled and stopped; and one whose node is gone. */
async function services(temporal: TestNamespace): Promise<void> {
  const scene = new ServiceScene(temporal, 'replaced');
  await scene.edge.start();
  await scene.applyAll();
  await scene.status({ waitingFor: { reason: 'NodeUnknown' }, active: 1 });
  await scene.cloud.start();
  await scene.status({ phase: 'Running', replicas: '2/2' });
  await ask(await scene.url('edge'), '/report', JSON.stringify({ inferenceNumber: 4, hardExampleNumber: 1 }));
  await scene.status({ metrics: [{ key: 'hardExampleNumber', value: '1' }, {}, { value: '0.25' }] });
  await scene.applyModel('edge', 'better');
  await scene.status({ phase: 'Running', waitingFor: null });
  await scene.applyModel('edge', 'broken');
  await scene.status({ waitingFor: { reason: 'CrashLoopBackOff' } });
  await scene.applyModel('edge', 'missing', 'onnx');
  await scene.status({ waitingFor: { reason: 'ModelUnreadable' } });
  await scene.say('pause');
  await scene.applyService({ edge: { replicas: 2 } });
  await scene.applyModel('edge', 'good');
  await scene.status({ observedGeneration: 2, phase: 'Paused' });
  await scene.say('resume');
  await scene.status({ phase: 'Running', replicas: '3/3' });
  await scene.say('stop');
  await scene.status({ phase: 'Stopped', replicas: '0/0', workers: [] });
  await scene.say('remove');
  await temporal.ended(scene.ref, 30_000);
  await store(temporal, entityId(scene.ref), 'replaced');
  await scene.end();

  const moved = await new ServiceScene(temporal, 'moved').start();
  const labels = { zone: 'moved' };
  const nodes = [moved.node('moved-a', labels), moved.node('moved-b', labels)];
  await Promise.all(nodes.map((node) => node.start()));
  await moved.applyAll({ edgePod: { nodeName: undefined, nodeSelector: labels } });
  const found = await moved.status({ phase: 'Running', replicas: '2/2' });
  const here = nodes.find(({ name }) => name === found['node']);
  here?.leaveAnswers('edge', 'requests that wait');
  await here?.stop();
  await moved.status({ waitingFor: { reason: 'NodeSilent' } }, 40_000);
  await moved.status({ phase: 'Running', waitingFor: null }, 60_000);
  await here?.start();
  await eventually(() => assert.deepEqual(readdirSync(here?.stateOf('edge') ?? ''), []), 40_000);
  await moved.say('remove');
  await temporal.ended(moved.ref, 30_000);
  await store(temporal, entityId(moved.ref), 'moved');
  await Promise.all([moved, ...nodes].map((one) => one.end()));
}

/** A service that gets a tier, whose tier moves, and that is without it again. */
async function tiers(temporal: TestNamespace): Promise<void> {
  const scene = await new ServiceScene(temporal, 'tiered').start();
  const labels = { 'sedna.io/tier': 'site' };
  const nodes = [scene.node('tiered-a', labels), scene.node('tiered-b', labels)];
  await Promise.all(nodes.map((node) => node.start()));
  await scene.applyModel('site', 'middle');
  await scene.applyAll();
  await scene.status({ phase: 'Running', replicas: '2/2' });
  await scene.applyService({ spec: { tiers: [scene.tier('site')] } });
  const found = await scene.status({ phase: 'Running', replicas: '3/3', waitingFor: null });
  const here = nodes.find(({ name }) => name === (found['nodes'] as Record<string, string>)['tier-site']);
  await ask(await scene.url('tier-site'), '/report', JSON.stringify({ inferenceNumber: 4, hardExampleNumber: 1 }));
  await scene.status({ tiers: [{}, { name: 'site', requests: 4, hard: 1 }, {}] });
  await here?.stop();
  await scene.status({ waitingFor: { reason: 'NodeSilent' } }, 40_000);
  await scene.status({ phase: 'Running', replicas: '3/3', waitingFor: null }, 60_000);
  await here?.start();
  await eventually(() => assert.deepEqual(here?.runtime?.list(), []), 40_000);
  await scene.applyService();
  await scene.status({ observedGeneration: 3, phase: 'Running', replicas: '2/2' });
  await eventually(async () => assert.equal((await scene.workers('tier-site')).length, 0), 40_000);
  await scene.say('remove');
  await temporal.ended(scene.ref, 30_000);
  await store(temporal, entityId(scene.ref), 'tiered');
  await Promise.all([scene, ...nodes].map((one) => one.end()));
}

/** Runs that begin with the state of the run before. */
async function continued(): Promise<void> {
  const { server, address } = await startShortHistoryServer();
  const temporal = await TestNamespace.open(address);
  try {
    await temporal.control(new Cluster());
    const node = await new ScriptedNode(temporal, 'edge-continued').start();
    await node.register();
    node.replaceSamples([]);
    const scene = new Scene(temporal, node, 'continued');
    await scene.applyAll();
    for (let round = 1; round <= 4; round++) {
      await status(temporal, scene.ref, { waitingFor: { reason: 'NoNewSamples' } });
      node.samples(round * 10 - 10, round * 10);
      await status(temporal, scene.ref, done(round));
    }
    const runs: string[] = [];
    await eventually(async () => {
      runs.length = 0;
      const query = `WorkflowId = "${entityId(scene.ref)}" AND ExecutionStatus = "ContinuedAsNew"`;
      for await (const { runId } of temporal.client.workflow.list({ query })) runs.push(runId);
      assert.ok(runs.length >= 2);
    });
    await store(temporal, entityId(scene.ref), 'continued', runs[0]);
    await node.stop();
  } finally {
    await temporal.close();
    await stopProcess(server, 3_000);
  }
}

await globalSetup();
try {
  const temporal = await TestNamespace.open();
  await temporal.control(new Cluster());
  const stories = { unsupported, model, jobs, federated, credited, buffered, mistNet, byWorker, services, tiers };
  for (const [name, record] of Object.entries(stories)) if (isWanted(name)) await record(temporal);
  await temporal.close();
  if (isWanted('cohorts')) await cohorts();
  if (isWanted('continued')) await continued();
} finally {
  await globalTeardown();
}
