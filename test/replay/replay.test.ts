import { beforeAll, describe, expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { leanWorkflows } from '../../workers/lib/lean-workflows.ts';
import * as workflows from '../../workflows/index.ts';
import { workflowBundlePath } from '../support/stack.ts';

interface StoredHistory {
  events: {
    eventType: string;
    workflowExecutionStartedEventAttributes?: { workflowType: { name: string }; workflowId: string };
    activityTaskScheduledEventAttributes?: { activityType: { name: string } };
  }[];
}

Runtime.install({
  logger: new DefaultLogger('ERROR', () => undefined),
  telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
  shutdownSignals: [],
});

const root = fileURLToPath(new URL('../histories', import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.json'))
  .sort();
const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8')) as StoredHistory;
/** Children are named after it. */
const idOf = ({ events: [first] }: StoredHistory) => first?.workflowExecutionStartedEventAttributes?.workflowId ?? '';
const typeOf = ({ events: [first] }: StoredHistory) =>
  first?.workflowExecutionStartedEventAttributes?.workflowType.name ?? '';

function replay(history: StoredHistory, workflowBundle: { codePath: string } | WorkflowBundle): Promise<void> {
  return Worker.runReplayHistory({ workflowBundle, ...leanWorkflows() }, history);
}

test('every workflow type has a stored history, in the folder of its name', () => {
  const types = files.map((file) => typeOf(read(file)));
  expect(files.map((file) => file.split('/')[0])).toEqual(types);
  expect([...new Set(types)].sort()).toEqual(Object.keys(workflows).sort());
});

describe('replayed', () => {
  // One Temporal worker for all: each would load the workflows anew.
  const replayed = new Map<string, Error | undefined>();
  beforeAll(async () => {
    const histories = files.map(read).map((history) => ({ workflowId: idOf(history), history }));
    const options = { workflowBundle: { codePath: workflowBundlePath() }, ...leanWorkflows() };
    // One after the other: the same workflow may have left several.
    for await (const { error } of Worker.runReplayHistories(options, histories))
      replayed.set(files[replayed.size] ?? '', error);
  }, 120_000);

  test.each(files)('%s', (file) => {
    expect([...replayed.keys()]).toContain(file);
    const error = replayed.get(file);
    if (error !== undefined) throw error;
  });
});

describe('what a replay must notice', () => {
  const cold = files.find((file) => file.startsWith('incrementalRound/cold')) ?? '';
  let changed: WorkflowBundle;
  beforeAll(async () => {
    const workflowsPath = fileURLToPath(new URL('changed-workflows.ts', import.meta.url));
    changed = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  }, 60_000);

  test('a workflow whose steps were changed', async () => {
    await expect(replay(read(cold), changed)).rejects.toMatchObject({ name: 'DeterminismViolationError' });
  });

  test('a workflow type that is gone', async () => {
    const dataset = files.find((file) => file.startsWith('dataset/')) ?? '';
    await expect(replay(read(dataset), changed)).rejects.toThrow();
  });

  test('an activity under another name', async () => {
    const history = read(cold);
    const scheduled = history.events.find((event) => event.activityTaskScheduledEventAttributes !== undefined);
    expect(scheduled).toBeDefined();
    if (scheduled?.activityTaskScheduledEventAttributes) {
      scheduled.activityTaskScheduledEventAttributes.activityType.name = 'renamed';
    }
    await expect(replay(history, { codePath: workflowBundlePath() })).rejects.toMatchObject({
      name: 'DeterminismViolationError',
    });
  });
});
