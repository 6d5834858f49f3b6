/** Every history that a run leaves must be one that the workflow code can go through again: a restarted manager does nothing else. */
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../deploy/local/files.ts';
import type { World } from './world.ts';

let bundle: Promise<WorkflowBundle> | undefined;

function workflowBundle(): Promise<WorkflowBundle> {
  if (bundle !== undefined) return bundle;
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
    shutdownSignals: [],
  });
  const workflowsPath = join(packageRoot(), 'workflows', 'index.ts');
  return (bundle = bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') }));
}

/** What cannot be gone through again; such histories are kept in the folder of the world. */
export async function replayViolations({ client, stack }: World): Promise<string[]> {
  const found: string[] = [];
  for await (const { workflowId, runId } of client.workflow.list()) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    try {
      await Worker.runReplayHistory({ workflowBundle: await workflowBundle() }, history, workflowId);
    } catch (error) {
      const file = join(stack.cwd, `${workflowId.replaceAll('/', '-')}-${runId}.json`);
      writeFileSync(file, historyToJSON(history));
      found.push(`the history of ${workflowId} cannot be replayed (kept as ${file}): ${(error as Error).message}`);
    }
  }
  return found;
}
