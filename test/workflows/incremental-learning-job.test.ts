import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Worker } from '@temporalio/worker';
import { readFileSync } from 'node:fs';
import type { ReportedModel, RunWorkerInput } from '../../activities/contracts.ts';
import { temporal as api } from '@temporalio/proto';
import { eventually } from '../support/eventually.ts';
import { entityId } from '../../workflows/lib/ids.ts';
import { describeTemporal } from '../support/stack.ts';
import { Cluster } from './support/cluster.ts';
import { fail, ScriptedNode } from './support/edge.ts';
import { JobScene, stageConditions } from './support/job.ts';
import { holdWorkers } from './support/gate.ts';
import { TestNamespace } from './support/namespace.ts';

const train = ['Train Waiting', 'Train Ready', 'Train Starting', 'Train Running', 'Train Completed'];
const evaluate = ['Eval Waiting', 'Eval Ready', 'Eval Starting', 'Eval Running', 'Eval Completed'];

const { EventType } = api.api.enums.v1;

describeTemporal('an incremental learning job', () => {
  let temporal: TestNamespace;
  const cluster = new Cluster();
  let manager: Worker;
  let count = 0;
  const nodes: ScriptedNode[] = [];
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    manager = await temporal.control(cluster);
  }, 60_000);
  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.stop()));
  });
  afterAll(() => temporal.close());

  async function scene(): Promise<JobScene> {
    count += 1;
    const node = new ScriptedNode(temporal, `node-${count}`);
    nodes.push(node);
    await node.register();
    await node.start();
    return new JobScene(temporal, node, `job-${count}`);
  }

  /** A scene whose job waits for samples. */
  async function waitingScene(change: Parameters<JobScene['applyJob']>[0] = {}): Promise<JobScene> {
    const job = await scene();
    job.node.replaceSamples([]);
    await job.applyAll(change);
    await job.waiting('NoNewSamples');
    return job;
  }

  test('whole round, cold: conditions, data, cursor, versions and annotations as documented', async () => {
    const job = await waitingScene();
    job.node.samples(0, 9);
    await job.waiting('ThresholdNotReached', 'num_of_samples is 7, must be >= 8');
    job.node.samples(9, 10);
    const status = await job.status({ round: 1, phase: 'Waiting', lastRound: { deployed: true } });
    expect(job.stages(status)).toEqual([
      ...train,
      ...evaluate,
      'Deploy Waiting',
      'Deploy Ready',
      'Deploy Completed',
      'Train Waiting',
    ]);
    const types = (status['conditions'] as { type: string }[]).map(({ type }) => type);
    expect(types.slice(0, 4)).toEqual(['Progressing', 'Available', 'Degraded', 'Suspended']);
    const { directory } = job.node;
    const data = Object.fromEntries(
      stageConditions(status).flatMap(({ stage, type, data, message }) =>
        data === undefined ? [] : [[`${stage} ${type}`, { message, ...(JSON.parse(data) as object) }]],
      ),
    );
    const onnx = (name: string) => ({ format: 'onnx', url: `${directory}/${name}` });
    const by = { message: 'reported by lc' };
    expect(data).toEqual({
      'Train Ready': {
        ...by,
        input: {
          models: [onnx('initial.onnx')],
          dataURL: `${directory}/output/data/train/1/data.txt`,
          outputDir: `${directory}/output/train/1`,
        },
      },
      'Train Completed': { ...by, output: { models: [{ ...onnx('trained-1.onnx'), metrics: {} }] } },
      'Eval Ready': {
        ...by,
        input: {
          models: [onnx('trained-1.onnx'), onnx('deployed.onnx')],
          dataURL: `${directory}/output/data/eval/1/data.txt`,
        },
      },
      'Eval Completed': {
        ...by,
        output: {
          models: [
            { ...onnx('trained-1.onnx'), metrics: { accuracy: [0.1, 0.6] } },
            { ...onnx('deployed.onnx'), metrics: { accuracy: [0.1, 0.5] } },
          ],
        },
      },
      'Deploy Ready': { ...by, input: { models: [onnx('trained-1.onnx'), onnx('deployed.onnx')] } },
    });
    expect(status).toMatchObject({ usedSamples: 10, nodes: { train: job.node.name } });
    const [training, evaluation] = job.node.runs;
    expect(training?.worker).toMatchObject({
      template: 'spec.trainSpec.template',
      env: {
        NAMESPACE: 'default',
        JOB_NAME: job.name,
        MODEL_URL: `${directory}/output/train/1`,
        TRAIN_DATASET_URL: `${directory}/output/data/train/1/data.txt`,
        ORIGINAL_DATASET_URL: job.node.dataset,
      },
      models: { BASE_MODEL_URL: [onnx('initial.onnx')] },
    });
    expect(evaluation?.keepModels).toBe(false);
    expect(readFileSync(`${directory}/output/data/train/1/data.txt`, 'utf8').split('\n')).toHaveLength(9);
    expect(readFileSync(`${directory}/output/data/eval/1/data.txt`, 'utf8').split('\n')).toHaveLength(3);

    job.node.samples(10, 20);
    await job.status({ round: 2, phase: 'Waiting', usedSamples: 20, lastRound: { round: 2, deployed: true } });
    const [, , second] = job.node.runs;
    // The next round starts from the last trained model, as a blob.
    expect(second?.worker.models?.['BASE_MODEL_URL']).toMatchObject([{ url: `${directory}/trained-1.onnx`, blob: {} }]);
    // Samples held back in round 1 are judged with again.
    expect(readFileSync(`${directory}/output/data/eval/2/data.txt`, 'utf8').split('\n')).toHaveLength(5);
    const { status: model } = await temporal.view(job.ofKind('Model', 'deployed'), (view) =>
      expect(view.status).toMatchObject({ versions: [{ stage: 'retired' }, { stage: 'live' }] }),
    );
    expect(model).toMatchObject({
      phase: 'Live',
      metrics: [{ key: 'accuracy', value: '0.7' }],
      versions: [
        { lineage: { job: `default/${job.name}`, round: 1, samples: 8 } },
        {
          lineage: { round: 2, samples: 8, base: expect.any(String) as unknown as string },
          metrics: { accuracy: [0.1, 0.7] },
        },
      ],
    });
  });

  test('whole round, hot: the inference worker loads the model itself', async () => {
    const job = await waitingScene({ hotUpdate: true });
    job.node.samples(0, 10);
    const status = await job.status({ round: 1, phase: 'Waiting', lastRound: { deployed: true } });
    expect(job.stages(status).slice(10)).toEqual([
      'Deploy Waiting',
      'Deploy Ready',
      'Deploy Starting',
      'Deploy Running',
      'Deploy Completed',
      'Train Waiting',
    ]);
    expect(job.node.deploys).toMatchObject([
      { hotUpdate: { pollPeriodSeconds: 1 }, urls: [`${job.node.directory}/deployed.onnx`] },
    ]);
  });

  test('comes before everything that it needs: says what is missing, one after the other, then goes on', async () => {
    const job = await scene();
    job.node.samples(0, 10);
    await job.applyJob();
    await job.waiting('DatasetMissing', `${job.name}-data does not exist`);
    await job.applyDataset();
    await job.waiting('ModelMissing', `${job.name}-initial does not exist`);
    await job.applyModels();
    await job.status({ round: 1, phase: 'Waiting' });
    await temporal.signal(job.ofKind('Dataset', 'data'), 'remove');
    await job.waiting('DatasetMissing');
    await job.applyDataset();
    await job.waiting('NoNewSamples');
  });

  test('a training that fails is tried three times, gives its samples back, and waits for more or for retry', async () => {
    const job = await waitingScene();
    job.node.onRun = () => fail('WorkerFailed', 'exit code 1; last lines: no GPU');
    job.node.samples(0, 10);
    await job.status({ phase: 'Training', waitingFor: { reason: 'WorkerFailed' } });
    const status = await job.status({ phase: 'Failed', usedSamples: 0 }, 25_000);
    expect(status['waitingFor']).toMatchObject({
      reason: 'WorkerFailed',
      message: expect.stringMatching(
        /Train of round 1 failed: .*no GPU.*more samples than the failed round had \(10\)/,
      ) as unknown as string,
      cure: expect.stringContaining(`sedna retry incrementallearningjob/${job.name}`) as unknown as string,
    });
    expect(status['conditions']).toContainEqual(
      expect.objectContaining({ type: 'Degraded', status: 'True', reason: 'WorkerFailed' }),
    );
    expect(job.stages(status).at(-1)).toBe('Train Failed');
    expect(job.node.runs).toHaveLength(3);

    job.node.onRun = new ScriptedNode(temporal, 'fresh').onRun;
    await job.say('retry');
    const after = await job.status({ phase: 'Waiting', round: 1, usedSamples: 10, lastRound: { deployed: true } });
    expect(after['conditions']).toContainEqual(expect.objectContaining({ type: 'Degraded', status: 'False' }));
    // A worker that ended is never started again under its name, or its old end would be taken for the new one.
    const names = job.node.runs.map(({ worker }) => worker.name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(5);
  }, 45_000);

  test('more samples start the next round after a failed one; a failure that cannot pass is not tried again', async () => {
    const job = await waitingScene();
    const good = job.node.onRun;
    job.node.onRun = () => fail('ImageNotAllowed', 'not in the list');
    job.node.samples(0, 10);
    await job.status({ phase: 'Failed', round: 1 });
    expect(job.node.runs).toHaveLength(1);
    job.node.onRun = good;
    job.node.samples(10, 11);
    const status = await job.status({ phase: 'Waiting', round: 2, usedSamples: 11 });
    expect(job.stages(status).slice(4, 7)).toEqual(['Train Failed', 'Train Waiting', 'Train Ready']);
  });

  test('retry goes on with the stage that failed', async () => {
    const job = await waitingScene();
    const good = job.node.onRun;
    job.node.onRun = (input, node) =>
      input.worker.stage === 'Eval' ? fail('InvalidTemplate', 'no container') : good(input, node);
    await job.say('retry');
    await job.status({ refused: { verb: 'retry', message: 'no failed round to run again' } });
    job.node.samples(0, 10);
    await job.status({ phase: 'Failed', stage: 'Eval', usedSamples: 10 });
    job.node.onRun = good;
    await job.say('retry');
    await job.status({ phase: 'Waiting', lastRound: { round: 1, deployed: true } });
    expect(job.node.runs.map(({ worker }) => worker.stage)).toEqual(['Train', 'Eval', 'Eval']);
  });

  test('samples that would all train are given back, untouched, until the share is lower', async () => {
    const job = await waitingScene({ trainProb: 1 });
    job.node.samples(0, 10);
    await job.status({ phase: 'Failed', stage: 'Train', usedSamples: 0, waitingFor: { reason: 'NoEvalSamples' } });
    expect(job.node.runs).toEqual([]);
    await job.applyJob();
    await job.status({ phase: 'Waiting', usedSamples: 10, lastRound: { samples: 8, deployed: true } });
    expect(readFileSync(job.node.runs[1]?.worker.env?.['TEST_DATASET_URL'] ?? '', 'utf8')).toBe('sample 0\nsample 5\n');
  });

  test('mend, apply, retry: the stage that failed runs as the object says now, once what it names is there', async () => {
    const job = await waitingScene();
    const good = job.node.onRun;
    job.node.onRun = (input, node) =>
      input.worker.stage === 'Eval' ? fail('ImageNotAllowed', 'image typo') : good(input, node);
    job.node.samples(0, 10);
    await job.status({ phase: 'Failed', stage: 'Eval', usedSamples: 10 });
    job.node.onRun = good;
    await job.applyJob({ eval: { templateDigest: 'mended' }, evalModel: `${job.name}-first` });
    await job.say('retry');
    await job.waiting('ModelMissing', `${job.name}-first does not exist`);
    const url = `${job.node.directory}/first.onnx`;
    await temporal.apply(job.ofKind('Model', 'first'), { fields: { url, format: 'onnx', devices: [] } });
    await job.status({ phase: 'Waiting', lastRound: { round: 1, deployed: true } });
    const [training, failed, mended, ...more] = job.node.runs;
    expect(more).toEqual([]);
    expect(failed?.worker.manifest).toEqual(training?.worker.manifest);
    expect(mended?.worker.manifest).not.toEqual(training?.worker.manifest);
    expect(mended?.worker.models?.['MODEL_URLS']).toMatchObject([{ blob: {} }, { url }]);
    expect(job.node.deploys).toMatchObject([{ urls: [`${job.node.directory}/deployed.onnx`, url] }]);
    // From then on it is compared with what was deployed, wherever that file lies.
    job.node.samples(10, 20);
    await job.status({ phase: 'Waiting', lastRound: { round: 2 } });
    const blob = training && (await job.node.model('', `weights ${training.worker.name}`)).blob;
    expect(job.node.runs.at(-1)?.worker.models?.['MODEL_URLS']).toMatchObject([{ blob: {} }, { url, blob }]);
  });

  test('pause lets the step finish; resume goes on with the next', async () => {
    const job = await waitingScene();
    const open = holdWorkers(job.node);
    job.node.samples(0, 10);
    await eventually(() => expect(job.node.runs).toHaveLength(1));
    await job.say('pause');
    await job.waiting('Paused', 'the Train step of round 1 may finish');
    open();
    const paused = await job.status({ usedSamples: 10, stage: 'Train' });
    expect(paused['conditions']).toContainEqual(expect.objectContaining({ type: 'Suspended', status: 'True' }));
    await job.say('resume');
    await job.status({ phase: 'Waiting', lastRound: { deployed: true }, waitingFor: { reason: 'NoNewSamples' } });
    expect(job.node.runs.map(({ worker }) => worker.stage)).toEqual(['Train', 'Eval']);
  });

  test('pause at the very start of a round is not lost', async () => {
    const job = await waitingScene();
    const open = holdWorkers(job.node);
    job.node.samples(0, 10);
    await job.status({ round: 1 });
    await job.say('pause');
    // A step that ends before its round has heard of it is followed by the next one.
    await job.waiting('Paused', 'somebody paused it');
    open();
    await job.status({ usedSamples: 10, waitingFor: { reason: 'Paused' } });
    await job.say('trigger');
    await job.status({ refused: { verb: 'trigger', message: 'it is paused; resume it first' } });
    expect(job.node.runs).toHaveLength(1);
    await job.say('resume');
    await job.status({ phase: 'Waiting', lastRound: { round: 1 } });
  });

  test('pause that was said before the trigger fired holds, although no manager was there to hear either', async () => {
    const job = await waitingScene();
    const handle = temporal.client.workflow.getHandle(entityId(job.ref));
    await temporal.stop(manager);
    try {
      await job.say('pause');
      job.node.samples(0, 10);
      await eventually(async () => {
        const types = ((await handle.fetchHistory()).events ?? []).map(({ eventType }) => eventType);
        const [last, fired] = [
          EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED,
          EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED,
        ];
        expect(types.lastIndexOf(fired)).toBeGreaterThan(types.lastIndexOf(last));
      });
    } finally {
      manager = await temporal.control(cluster);
    }
    await job.status({ phase: 'Paused', round: 0 });
    await job.say('resume');
    await job.status({ phase: 'Waiting', round: 1, usedSamples: 10 });
  }, 45_000);

  test('stop ends after the running stage and stays; resume goes on there', async () => {
    const job = await waitingScene();
    const open = holdWorkers(job.node);
    job.node.samples(0, 10);
    await eventually(() => expect(job.node.runs).toHaveLength(1));
    await job.say('stop');
    await job.waiting('Stopped', 'after the running Train stage');
    open();
    await job.status({ phase: 'Stopped', usedSamples: 10, stage: 'Eval' });
    job.node.samples(10, 30);
    await job.say('resume');
    await job.status({ round: 2, phase: 'Waiting', usedSamples: 30 });
    expect(job.node.runs.map(({ worker, round }) => `${round} ${worker.stage}`)).toEqual([
      '1 Train',
      '1 Eval',
      '2 Train',
      '2 Eval',
    ]);
  });

  test('trigger: takes what is new at once, is remembered once during a round, and is refused when nothing is new', async () => {
    const job = await waitingScene();
    await job.say('trigger');
    await job.status({ refused: { verb: 'trigger', message: `no new sample in dataset ${job.name}-data` } });
    const open = holdWorkers(job.node);
    job.node.samples(0, 4);
    await job.waiting('ThresholdNotReached');
    await job.say('trigger');
    const status = await job.status({ round: 1, phase: 'Training' });
    expect(status['refused']).toBeUndefined();
    await job.say('trigger');
    await job.say('trigger');
    job.node.samples(4, 6);
    open();
    await job.status({ round: 2, usedSamples: 6, phase: 'Waiting' });
    expect(job.node.runs.map(({ round }) => round)).toEqual([1, 1, 2, 2]);
  });

  test('an edit while it waits counts at once, one during a round at the next', async () => {
    const job = await waitingScene({ threshold: 100 });
    job.node.samples(0, 10);
    await job.waiting('ThresholdNotReached', 'must be >= 100');
    const open = holdWorkers(job.node);
    await job.applyJob({ threshold: 8 });
    await job.status({ round: 1, phase: 'Training' });
    const served = job.node.served.length;
    await job.applyJob({ threshold: 4, hotUpdate: true, deploy: { templateDigest: 'edited' } });
    await job.status({ observedGeneration: 3, phase: 'Training' });
    open();
    await job.status({ phase: 'Waiting', lastRound: { round: 1 } });
    expect(job.node.deploys).toHaveLength(1);
    expect(job.node.deploys[0]).not.toHaveProperty('hotUpdate');
    // The edited inference template is served once the round is over, not in its middle.
    await eventually(() => expect(job.node.served.length).toBe(served + 1));
    job.node.samples(10, 15);
    await job.status({ round: 2, phase: 'Waiting', lastRound: { round: 2 } });
    expect(job.node.deploys[1]).toHaveProperty('hotUpdate');
    expect(job.node.runs.at(-1)?.worker.manifest.sha256).not.toBe(job.node.runs[0]?.worker.manifest.sha256);
  });

  test('not better, a closed window, or a metric that is missing: the round ends undeployed and says why', async () => {
    const job = await waitingScene({
      deploy: { trigger: { condition: { operator: '>', metric: 'accuracy_delta', threshold: 0.5 } } },
    });
    job.node.samples(0, 10);
    await job.status({ lastRound: { deployed: false, reason: 'ThresholdNotReached' } });
    const minute = (offset: number) => new Date(Date.now() + offset * 60_000).toISOString().slice(11, 16);
    const timer = { start: minute(120), end: minute(180) };
    const better = { operator: '>' as const, metric: 'accuracy_delta', threshold: 0 };
    await job.applyJob({ deploy: { trigger: { timer, condition: better } } });
    job.node.samples(10, 20);
    const status = await job.status({ lastRound: { round: 2, deployed: false, reason: 'WindowClosed' } });
    expect(stageConditions(status).at(-2)).toMatchObject({
      stage: 'Deploy',
      type: 'Completed',
      message: expect.stringContaining(`the window ${timer.start}-${timer.end} UTC is closed`) as unknown as string,
    });
    await job.applyJob({ deploy: { trigger: { condition: { ...better, metric: 'f1' } } } });
    job.node.samples(20, 30);
    await job.status({
      lastRound: {
        round: 3,
        deployed: false,
        reason: 'MetricMissing',
        message: 'not deployed: no metric f1; reported: accuracy, accuracy_delta',
      },
    });
    expect(job.node.deploys).toEqual([]);
    const { status: model } = await temporal.view(job.ofKind('Model', 'deployed'), (view) =>
      expect(view.status['versions']).toHaveLength(3),
    );
    expect(model).toMatchObject({ phase: 'Initial', versions: [1, 2, 3].map(() => ({ stage: 'candidate' })) });
  }, 45_000);

  test('delete during a round: the round is cancelled, the node tidied up, everybody told', async () => {
    const job = await waitingScene();
    job.node.onRun = () => new Promise<ReportedModel[]>(() => undefined);
    job.node.samples(0, 10);
    await eventually(() => expect(job.node.runs).toHaveLength(1));
    const uid = (await temporal.view(job.ref)).metadata.uid;
    await job.say('remove');
    await temporal.ended(job.ref, 20_000);
    expect(job.node.removed).toMatchObject([{ uid }]);
    const round = temporal.client.workflow.getHandle(
      `sedna/incrementallearningjob/default/${job.name}/round/${uid?.slice(0, 8)}-1`,
    );
    await eventually(async () => expect((await round.describe()).status.name).toBe('CANCELLED'));
    await temporal.signal(job.ofKind('Model', 'initial'), 'remove');
    await temporal.ended(job.ofKind('Model', 'initial'));
  });

  test('a round that somebody terminated counts as failed; retry runs it again', async () => {
    const job = await waitingScene();
    const good = job.node.onRun;
    job.node.onRun = () => new Promise<ReportedModel[]>(() => undefined);
    job.node.samples(0, 10);
    await eventually(() => expect(job.node.runs).toHaveLength(1));
    const uid = (await temporal.view(job.ref)).metadata.uid;
    const id = `sedna/incrementallearningjob/default/${job.name}/round/${uid?.slice(0, 8)}-1`;
    await temporal.client.workflow.getHandle(id).terminate('by hand');
    await job.status({ phase: 'Failed', usedSamples: 0 });
    job.node.onRun = good;
    await job.say('retry');
    await job.status({ phase: 'Waiting', usedSamples: 10, lastRound: { round: 1, deployed: true } });
  });

  test('one that was terminated after it has trained goes on with the model that it has', async () => {
    const job = await waitingScene();
    const good = job.node.onRun;
    job.node.onRun = (input, node) =>
      input.worker.stage === 'Eval' ? new Promise<ReportedModel[]>(() => undefined) : good(input, node);
    job.node.samples(0, 10);
    await job.status({ phase: 'Evaluating', usedSamples: 10 });
    await eventually(() => expect(job.node.runs).toHaveLength(2));
    const uid = (await temporal.view(job.ref)).metadata.uid;
    const id = `sedna/incrementallearningjob/default/${job.name}/round/${uid?.slice(0, 8)}-1`;
    await temporal.client.workflow.getHandle(id).terminate('by hand');
    await job.status({ phase: 'Failed', stage: 'Eval' });
    job.node.onRun = good;
    await job.say('retry');
    await job.status({ phase: 'Waiting', lastRound: { round: 1, deployed: true } });
    expect(job.node.runs.map(({ worker }) => worker.stage)).toEqual(['Train', 'Eval', 'Eval']);
    job.node.samples(10, 20);
    await job.status({ phase: 'Waiting', lastRound: { round: 2 } });
    const evaluated = readFileSync(`${job.node.directory}/output/data/eval/2/data.txt`, 'utf8').trim().split('\n');
    expect(evaluated).toEqual(['sample 0', 'sample 5', 'sample 10', 'sample 15']);
  });

  test('a mode that there is not does a round no harm', async () => {
    const job = await waitingScene();
    const open = holdWorkers(job.node);
    job.node.samples(0, 10);
    await eventually(() => expect(job.node.runs).toHaveLength(1));
    const uid = (await temporal.view(job.ref)).metadata.uid;
    const round = temporal.client.workflow.getHandle(`${entityId(job.ref)}/round/${uid?.slice(0, 8)}-1`);
    for (const nonsense of [[], [null], ['banana']]) await round.signal('mode', ...nonsense);
    open();
    await job.status({ phase: 'Waiting', lastRound: { round: 1, deployed: true } });
  });

  test('one whose workflow is gone while its object stays goes on behind the rounds that its status tells of', async () => {
    const job = await scene();
    job.node.replaceSamples([]);
    await Promise.all([job.applyDataset(), job.applyModels()]);
    const manifest = await job.node.blobs.put(JSON.stringify({ name: job.name }));
    const object = {
      origin: 'kubernetes',
      uid: `uid-${job.name}`,
      generation: 1,
      fields: job.fields(),
      manifest,
    } as const;
    await temporal.apply(job.ref, object);
    await job.waiting('NoNewSamples');
    job.node.samples(0, 10);
    await job.status({ phase: 'Waiting', lastRound: { round: 1 }, usedSamples: 10 });
    await job.say('pause');
    await job.status({ phase: 'Paused' });
    await temporal.client.workflow.getHandle(entityId(job.ref)).terminate('by hand');

    await temporal.apply(job.ref, object);
    await job.status({ phase: 'Paused', round: 1, usedSamples: 10 });
    job.node.samples(10, 20);
    await job.say('resume');
    await job.status({ phase: 'Waiting', lastRound: { round: 2, samples: 8 }, usedSamples: 20 });
    // A name that comes again would stand for a worker that has ended.
    const names = job.node.runs.map(({ worker }) => worker.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test('a replaced dataset begins anew', async () => {
    const job = await waitingScene();
    job.node.samples(0, 10);
    await job.status({ phase: 'Waiting', lastRound: { round: 1 }, usedSamples: 10 });
    job.node.replaceSamples(Array.from({ length: 12 }, (_, i) => `other ${i}`));
    await job.status({ phase: 'Waiting', lastRound: { round: 2, samples: 9 }, usedSamples: 12 });
  });

  test('places by labels, and refuses to train away from a local dataset', async () => {
    const job = await scene();
    job.node.replaceSamples([]);
    await job.applyAll({ deploy: { nodeSelector: { role: `cloud-${job.name}` } } });
    await job.waiting('NodeUnknown', `no connected node has the labels role=cloud-${job.name}`);
    const cloud = await new ScriptedNode(temporal, `${job.node.name}-cloud`).start();
    nodes.push(cloud);
    await cloud.register({ role: `cloud-${job.name}` });
    await job.status({ nodes: { deploy: cloud.name, train: job.node.name }, inference: { node: cloud.name } }, 25_000);
    await job.applyJob({ train: { node: cloud.name } });
    await job.waiting('DatasetElsewhere', `spec.trainSpec.template.spec.nodeName is ${cloud.name}`);
  }, 45_000);

  test('an inference worker that can never start makes the job say so', async () => {
    const job = await scene();
    const runs: RunWorkerInput[] = job.node.runs;
    job.node.replaceSamples([]);
    job.node.onServe = () => fail('ImageNotAllowed', 'image x is not in the allowlist');
    await job.applyAll();
    const status = await job.status({ waitingFor: { reason: 'ImageNotAllowed' } });
    expect(status['conditions']).toContainEqual(
      expect.objectContaining({ type: 'Available', status: 'False', reason: 'ImageNotAllowed' }),
    );
    expect(status['conditions']).toContainEqual(expect.objectContaining({ type: 'Degraded', status: 'True' }));
    expect(runs).toEqual([]);
    job.node.onServe = () => undefined;
    await job.say('retry');
    const after = await job.status({ inference: { state: 'ready' } });
    expect(after['refused']).toBeUndefined();
  });
});
