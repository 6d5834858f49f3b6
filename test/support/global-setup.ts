import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { obtainBinaries } from '../../deploy/local/obtain.ts';
import { findBinary } from '../../deploy/local/binaries.ts';
import { packageRoot } from '../../deploy/local/files.ts';
import { allocatePorts } from '../../deploy/local/ports.ts';
import { temporalServer } from '../../deploy/local/temporal.ts';
import { createRun, startServer } from './test-run.ts';

/** Each file has queues of its own: told apart they add 150,000 metrics, which the server goes through each second. */
const fewMetrics = ['--dynamic-config-value', 'metrics.breakdownByTaskQueue=false'];
/** And a namespace of its own, each with a worker inside the server, for schedules and batches that nobody here asks for. */
const noInnerWorkers = ['--dynamic-config-value', 'worker.perNamespaceWorkerCount=0'];
const inCi = process.env.CI === 'true';

/** One real Temporal server and one workflow bundle per test run; the API server waits until the first test asks for it. */
export default async function globalSetup(): Promise<void> {
  const dir = createRun();
  process.env.TEST_RUN_DIR = dir;
  await Promise.all([startTemporal(dir), bundleWorkflows(dir), findKubernetes()]);
}

async function startTemporal(dir: string): Promise<void> {
  try {
    const { temporal } = await obtainBinaries(['temporal'], inCi ? console.log : () => undefined);
    const ports = await allocatePorts(['grpc', 'http', 'ui', 'metrics']);
    const { grpc = 0, http = 0, ui = 0, metrics = 0 } = ports;
    const server = temporalServer({ binary: temporal.path, ports: { grpc, http, ui, metrics }, headless: true });
    await startServer(dir, { ...server, args: [...server.args, ...fewMetrics, ...noInnerWorkers] });
    process.env.TEST_TEMPORAL_ADDRESS = `127.0.0.1:${grpc}`;
    process.env.TEST_TEMPORAL_CLI = temporal.path;
  } catch (error) {
    absent('Temporal', error);
  }
}

/** Building the API server takes minutes, so only CI does it here; a user has it from the first `sedna up`. */
async function findKubernetes(): Promise<void> {
  try {
    if (inCi) await obtainBinaries(['etcd', 'kube-apiserver', 'kubectl'], console.log);
    const missing = (['etcd', 'kube-apiserver'] as const).filter((name) => !findBinary(name));
    if (missing.length > 0) throw new Error(`${missing.join(', ')} not found; npx sedna up gets them once`);
    process.env.TEST_KUBERNETES = 'yes';
  } catch (error) {
    absent('Kubernetes', error);
  }
}

function absent(what: string, error: unknown): void {
  if (inCi) throw error;
  const reason = error instanceof Error ? error.message : String(error);
  process.env[`TEST_NO_${what.toUpperCase()}`] = reason;
  process.stderr.write(`\ntests that need ${what} are skipped: ${reason}\n`);
}

async function bundleWorkflows(dir: string): Promise<void> {
  const workflowsPath = join(packageRoot(), 'workflows', 'index.ts');
  if (!existsSync(workflowsPath)) return;
  try {
    const { workflowBundle } = await import('../../workers/lib/workflow-bundle.ts');
    const path = join(dir, 'workflow-bundle.js');
    const bundle = await workflowBundle();
    writeFileSync(path, 'code' in bundle ? bundle.code : readFileSync(bundle.codePath));
    process.env.TEST_WORKFLOW_BUNDLE = path;
  } catch (error) {
    // Tests of other layers can do without; those that need the bundle fail and say so.
    process.stderr.write(`\nthe workflows do not bundle: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
