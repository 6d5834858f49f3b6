/** How a global manager's Temporal worker is tuned. */
import { Worker, type ActivityInterceptorsFactory, type WorkerOptions } from '@temporalio/worker';
import { leanWorkflows } from './lean-workflows.ts';
import { dataConverter } from './payloads.ts';

const beatsPerTimeout = 4;

/** While an activity runs: that its process lives. None of a manager is long, so most end before the first. */
export const heartbeats: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    async execute(input, next) {
      const { heartbeatTimeoutMs } = context.info;
      if (!heartbeatTimeoutMs) return next(input);
      const timer = setInterval(() => context.heartbeat(), heartbeatTimeoutMs / beatsPerTimeout);
      try {
        return await next(input);
      } finally {
        clearInterval(timer);
      }
    },
  },
});

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
  return Worker.create({
    ...tuning,
    ...leanWorkflows(),
    interceptors: { activity: [heartbeats] },
    dataConverter,
    ...options,
  });
}
