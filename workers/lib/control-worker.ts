/** How a global manager's Temporal worker is tuned. */
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import workerThreads, { type WorkerOptions as ThreadOptions } from 'node:worker_threads';

const tuning = {
  /** Cached workflows; about 1 MB each. */
  maxCachedWorkflows: 200,
  maxConcurrentWorkflowTaskExecutions: 20,
  maxConcurrentActivityTaskExecutions: 50,
  workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, initial: 2, maximum: 10 },
  activityTaskPollerBehavior: { type: 'autoscaling', minimum: 1, initial: 2, maximum: 10 },
  shutdownGraceTime: '2s',
  // Below the bound after which whoever stops us kills us: 8.5 s under `sedna up` (GRACE_MS in deploy/local/runner.ts).
  shutdownForceTime: '8s',
} as const satisfies Partial<WorkerOptions>;

export function createControlWorker(options: WorkerOptions): Promise<Worker> {
  return withLeanWorkflowThreads(() => Worker.create({ ...tuning, ...options }));
}

/** Threads for workflows that are started meanwhile do without the SDK's debugging aids, see workflow-thread.ts. */
export async function withLeanWorkflowThreads<T>(start: () => Promise<T>): Promise<T> {
  if (process.env['SEDNA_WORKFLOW_DEBUG'] === '1') return start();
  const Plain = workerThreads.Worker;
  const preload = new URL(`./workflow-thread${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
  class Lean extends Plain {
    constructor(file: string | URL, options: ThreadOptions = {}) {
      super(file, { ...options, execArgv: [...(options.execArgv ?? process.execArgv), '--import', preload.href] });
    }
  }
  // The SDK offers no way to give its threads an option, so it finds another class under the name.
  Object.assign(workerThreads, { Worker: Lean });
  try {
    return await start();
  } finally {
    Object.assign(workerThreads, { Worker: Plain });
  }
}
