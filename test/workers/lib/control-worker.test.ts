import { expect, test } from '@jest/globals';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import v8 from 'node:v8';
import { Script } from 'node:vm';
import { packageRoot } from '../../../deploy/local/files.ts';
import { leanWorkflows } from '../../../workers/lib/lean-workflows.ts';
import { workflowBundlePath } from '../../support/stack.ts';

const folder = join(packageRoot(), 'test', 'histories', 'dataset');

async function replay(lean: Pick<WorkerOptions, 'debugMode'>): Promise<string[]> {
  const options = { workflowBundle: { codePath: workflowBundlePath() }, ...lean };
  const histories = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({ workflowId: file, history: JSON.parse(readFileSync(join(folder, file), 'utf8')) as unknown }));
  const verdicts: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    verdicts.push(error === undefined ? 'same' : `${workflowId}: ${error.message}`);
  }
  return verdicts;
}

test('lean workflows run like those of the SDK alone, and the process gets no hooks and no watchdogs', async () => {
  const { createHook } = v8.promiseHooks;
  const runInContext = Object.getOwnPropertyDescriptor(Script.prototype, 'runInContext') ?? {};
  const { warn } = console;
  try {
    const options = leanWorkflows();
    expect(options).toEqual({ debugMode: true });
    expect(leanWorkflows()).toEqual(options);
    expect(() => v8.promiseHooks.createHook({})).toThrow('SEDNA_WORKFLOW_DEBUG=1');
    const verdicts = await replay(options);
    expect(verdicts.length).toBeGreaterThan(0);
    expect(new Set(verdicts)).toEqual(new Set(['same']));
  } finally {
    v8.promiseHooks.createHook = createHook;
    Object.defineProperty(Script.prototype, 'runInContext', runInContext);
    console.warn = warn;
  }
}, 30_000);

test('SEDNA_WORKFLOW_DEBUG=1 leaves the SDK as it is', async () => {
  const { createHook } = v8.promiseHooks;
  process.env['SEDNA_WORKFLOW_DEBUG'] = '1';
  try {
    const options = leanWorkflows();
    expect(options).toEqual({ debugMode: false });
    expect(v8.promiseHooks.createHook).toBe(createHook);
    expect(new Set(await replay(options))).toEqual(new Set(['same']));
  } finally {
    delete process.env['SEDNA_WORKFLOW_DEBUG'];
  }
}, 30_000);
