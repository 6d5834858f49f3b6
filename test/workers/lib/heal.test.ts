/** The defect of Temporal's SDK that `Healer` is for, provoked with a bare workflow on a bare Temporal worker, and mended. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundle } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Healer } from '../../../workers/lib/heal.ts';
import { stopProcess } from '../../../workers/lib/process.ts';
import { eventually } from '../../support/eventually.ts';
import { describeTemporal } from '../../support/stack.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';
import { startOwnServer, type OwnServer } from '../../workflows/support/own-server.ts';

const pollMs = 10_000;
const tries = 12;
/** As in a cluster. Only where a queue has several may a task be taken before a query that waits for longer. */
const partitions = ['Read', 'Write'].map((kind) => `matching.numTaskqueue${kind}Partitions=4`);

describeTemporal('a history that cannot be replayed', () => {
  let own: OwnServer;
  let temporal: TestNamespace;
  let workflowBundle: WorkflowBundle;

  beforeAll(async () => {
    const workflowsPath = fileURLToPath(new URL('../support/two-steps.ts', import.meta.url));
    own = await startOwnServer('partitions', partitions);
    [temporal, workflowBundle] = await Promise.all([
      TestNamespace.open(own.address),
      bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') }),
    ]);
  }, 60_000);

  afterAll(async () => {
    await temporal.close();
    await stopProcess(own.server, 3_000);
  });

  test('is repeated from the task that went wrong; signals that came later count once', async () => {
    const { handle, taskQueue } = await lostTask('asked');
    await expect(replayed(handle)).rejects.toThrow('TMPRL1100');
    const healer = new Healer({ client: temporal.client, taskQueue });
    // Nothing is cached any more: the next task has to replay.
    const worker = await temporal.work({ taskQueue, workflowBundle });
    await handle.signal('news', 'later');
    const before = (await handle.describe()).runId;
    const listed = async () => expect(await reportsProblem(handle)).toBe(true);
    await eventually(listed, 30_000);
    // As after the last reset that an hour allows.
    expect(await new Healer({ client: temporal.client, taskQueue, perHour: 0 }).heal()).toEqual([]);
    expect((await handle.describe()).runId).toBe(before);
    await eventually(async () => expect(await healer.heal()).toEqual([handle.workflowId]), 30_000);
    expect((await handle.describe()).runId).not.toBe(before);
    await handle.signal('news', 'end');
    const again = temporal.client.workflow.getHandle(handle.workflowId);
    expect(((await again.result()) as string[]).toSorted()).toEqual(['end', 'later', 'news', 'work']);
    await replayed(again);
    expect(await healer.heal()).toEqual([]);
    await temporal.stop(worker);
  }, 120_000);

  test('is the work of a query alone: without one the lost task does no harm', async () => {
    const { handle } = await lostTask('not asked');
    await replayed(handle);
    await handle.terminate();
  }, 60_000);

  /** A workflow that got on after the answer with its workflow task was lost; its worker was asked a query in between, or not. */
  async function lostTask(query: 'asked' | 'not asked'): Promise<{ handle: WorkflowHandle; taskQueue: string }> {
    for (let i = 0; i < tries; i++) {
      const taskQueue = `two-steps-${randomUUID()}`;
      const handle = await begun(taskQueue);
      const asked = query === 'asked' ? handle.query<string[]>('seen').catch(() => undefined) : undefined;
      await finishWork(taskQueue);
      if (!(await loseTask(taskQueue))) {
        // The lost answer held the query instead.
        await handle.terminate();
        continue;
      }
      const worker = await temporal.work({ taskQueue, workflowBundle });
      // The defect: no workflow task has told the workflow of it.
      expect(await asked).toEqual(query === 'asked' ? ['work'] : undefined);
      await handle.signal('news', 'news');
      await eventually(async () => expect((await handle.fetchHistory()).events?.filter(schedules)).toHaveLength(2));
      await temporal.stop(worker);
      // On a busy machine the server gives the task out again before it asks, and nothing is spoilt.
      const isSpoilt = await replayed(handle).then(
        () => false,
        () => true,
      );
      if (query === 'not asked' || isSpoilt) return { handle, taskQueue };
      await handle.terminate();
    }
    throw new Error(`no task was lost, and asked for in between, in ${tries} tries`);
  }

  async function replayed(handle: WorkflowHandle): Promise<void> {
    await Worker.runReplayHistory({ workflowBundle }, await handle.fetchHistory(), handle.workflowId);
  }

  async function reportsProblem({ workflowId }: WorkflowHandle): Promise<boolean> {
    const query = `WorkflowId = "${workflowId}" AND TemporalReportedProblems IS NOT NULL`;
    return (await temporal.client.workflow.count(query)).count > 0;
  }

  async function begun(taskQueue: string): Promise<WorkflowHandle> {
    const worker = await temporal.work({ taskQueue, workflowBundle });
    const options = {
      workflowId: taskQueue,
      taskQueue,
      args: [`${taskQueue}/hand`],
      workflowTaskTimeout: '2s',
    } as const;
    const handle = await temporal.client.workflow.start('twoSteps', options);
    await eventually(async () => expect((await handle.fetchHistory()).events?.filter(schedules)).toHaveLength(1));
    await temporal.stop(worker);
    return handle;
  }

  async function finishWork(taskQueue: string): Promise<void> {
    const { connection } = temporal.client;
    const namespace = temporal.name;
    const hand = { namespace, taskQueue: { name: `${taskQueue}/hand` }, identity: 'hand' };
    const { taskToken } = await connection.withDeadline(Date.now() + pollMs, () =>
      connection.workflowService.pollActivityTaskQueue(hand),
    );
    const result = { payloads: [{ metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('"done"') }] };
    await connection.workflowService.respondActivityTaskCompleted({ namespace, taskToken, result });
  }

  /** Takes a task as a worker does that never hears of it. False: what it took was the query. */
  async function loseTask(taskQueue: string): Promise<boolean> {
    const { connection } = temporal.client;
    const lost = { namespace: temporal.name, taskQueue: { name: taskQueue }, identity: 'lost' };
    const { query, startedEventId } = await connection.withDeadline(Date.now() + pollMs, () =>
      connection.workflowService.pollWorkflowTaskQueue(lost),
    );
    return (query ?? undefined) === undefined && Number(startedEventId) > 0;
  }
});

function schedules(event: { activityTaskScheduledEventAttributes?: unknown }): boolean {
  return (event.activityTaskScheduledEventAttributes ?? undefined) !== undefined;
}
