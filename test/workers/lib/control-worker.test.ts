import { expect, test } from '@jest/globals';
import { Worker } from '@temporalio/worker';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import workerThreads from 'node:worker_threads';
import { packageRoot } from '../../../deploy/local/files.ts';
import { withLeanWorkflowThreads } from '../../../workers/lib/control-worker.ts';
import { workflowBundlePath } from '../../support/stack.ts';

const folder = join(packageRoot(), 'test', 'histories', 'dataset');

async function replay(): Promise<string[]> {
  const options = { workflowBundle: { codePath: workflowBundlePath() }, debugMode: false };
  const histories = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({ workflowId: file, history: JSON.parse(readFileSync(join(folder, file), 'utf8')) as unknown }));
  const verdicts: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    verdicts.push(error === undefined ? 'same' : `${workflowId}: ${error.message}`);
  }
  return verdicts;
}

test('lean threads run workflows like the SDK alone does, and only threads started meanwhile are lean', async () => {
  const before = workerThreads.Worker;
  const started: unknown[] = [];
  const verdicts = await withLeanWorkflowThreads(async () => {
    started.push(workerThreads.Worker);
    return replay();
  });
  expect(started).not.toEqual([before]);
  expect(workerThreads.Worker).toBe(before);
  expect(verdicts.length).toBeGreaterThan(0);
  expect(new Set(verdicts)).toEqual(new Set(['same']));
}, 30_000);
