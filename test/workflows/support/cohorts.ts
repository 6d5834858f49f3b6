import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { join } from 'node:path';
import { packageRoot } from '../../../deploy/local/files.ts';
import type { FederatedChange, FederatedScene } from './federated.ts';
import type { TestNamespace } from './namespace.ts';

let bundle: Promise<WorkflowBundle> | undefined;

/** Runs of which ask 4 clients themselves, and more in cohorts of 3. Bundled once, which takes seconds. */
export function smallCohorts(): Promise<WorkflowBundle> {
  bundle ??= bundleWorkflowCode({
    workflowsPath: join(packageRoot(), 'workflows', 'index.ts'),
    workflowInterceptorModules: [join(packageRoot(), 'test', 'workflows', 'support', 'small-cohorts.ts')],
    logger: new DefaultLogger('ERROR'),
  });
  return bundle;
}

/** All on the one node of the scene. */
export function clientsOf({ name }: FederatedScene, count: number): NonNullable<FederatedChange['clients']> {
  return Array.from({ length: count }, () => ({ templateDigest: 't', dataset: `${name}-data-0` }));
}

export interface SeenCohort {
  workflowId: string;
  runId: string;
  status: string;
}

/** Of the runs of a scene, oldest first. */
export async function cohortsOf({ client }: TestNamespace, { runId: run }: FederatedScene): Promise<SeenCohort[]> {
  const found: SeenCohort[] = [];
  const query = `WorkflowType = "federatedCohort" AND WorkflowId STARTS_WITH "${run}/"`;
  for await (const { workflowId, runId, status } of client.workflow.list({ query }))
    found.unshift({ workflowId, runId, status: status.name });
  return found;
}
