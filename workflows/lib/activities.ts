/** The proxies through which workflows act, with the timeouts and retries of each queue in one place. */
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ControlActivities, EdgeActivities, ResidentActivities } from '../../activities/contracts.ts';
import { controlQueue, edgeQueue, residentQueue } from './ids.ts';

/**
 * Waiting for a lost node has no bound of its own: the task stays in the node's queue, and the Node entity (heartbeat lost)
 * makes the status say NodeSilent. So no scheduleToStartTimeout, and cancelling never waits for the node.
 */
const onNode = {
  cancellationType: ActivityCancellationType.TRY_CANCEL,
  heartbeatTimeout: '10s',
  // Temporal retries what the node or its link did (lost local controller, unreadable disk); failures of the catalogue
  // that retrying cannot mend are thrown as non-retryable, and the workflow decides.
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
} as const;

/**
 * GM activities: Kubernetes writes and subscriptions. Retried until they succeed: without them nothing else makes sense. The Temporal
 * worker of the manager heartbeats for them (`workers/lib/control-worker.ts`), so that a killed one holds up nothing for longer than its
 * heartbeats are missed.
 */
export function control(summary: string): ControlActivities {
  return proxyActivities<ControlActivities>({
    taskQueue: controlQueue,
    startToCloseTimeout: '30s',
    heartbeatTimeout: '10s',
    summary,
    retry: { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '15s' },
  });
}

/**
 * Watching and supervising: ends when something happens or when it is cancelled. There are several of each object, and each heartbeat
 * is a write of the server: they are rare. That a node is lost the Node entity says; one that is back says itself what it has lost
 * (`workers/lib/begun.ts`), so the long timeout is the last resort.
 */
export function resident(node: string, summary: string): ResidentActivities {
  return proxyActivities<ResidentActivities>({
    ...onNode,
    heartbeatTimeout: '3 minutes',
    taskQueue: residentQueue(node),
    startToCloseTimeout: '3650 days',
    summary,
  });
}

/** A task of a federated client: as long as it takes, but it must hear soon that its round has closed without it. */
export function clientTask(node: string, summary: string): ResidentActivities {
  return proxyActivities<ResidentActivities>({
    ...onNode,
    taskQueue: residentQueue(node),
    startToCloseTimeout: '3650 days',
    summary,
  });
}

/** Short work of the resident queue: bounded per attempt. */
export function errand(node: string, summary: string): ResidentActivities {
  return proxyActivities<ResidentActivities>({
    ...onNode,
    taskQueue: residentQueue(node),
    startToCloseTimeout: '10 minutes',
    summary,
  });
}

/** One attempt only and a bound in all: used on the way out, where a lost node must not hold up the rest. */
export function farewell(node: string, summary: string, bound: '10s' | '90s' = '10s'): ResidentActivities {
  return proxyActivities<ResidentActivities>({
    ...onNode,
    taskQueue: residentQueue(node),
    scheduleToCloseTimeout: bound,
    summary,
  });
}

/** Presence: a single attempt, so that a missed heartbeat reaches the Node entity at once. */
export function attendance(node: string): ResidentActivities {
  return proxyActivities<ResidentActivities>({
    ...onNode,
    taskQueue: residentQueue(node),
    startToCloseTimeout: '3650 days',
    retry: { maximumAttempts: 1 },
    summary: `${node} is connected`,
  });
}

/** What computes. A training may take as long as it takes; its progress is the heartbeat. */
export function edge(node: string, summary: string): EdgeActivities {
  return proxyActivities<EdgeActivities>({
    ...onNode,
    taskQueue: edgeQueue(node),
    startToCloseTimeout: '3650 days',
    summary,
  });
}
