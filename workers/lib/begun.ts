/**
 * What the server takes for begun on this node although nobody here has it: a local controller was killed with it, or the task was lost
 * on its way. It is given back at once instead of being left to the heartbeat timeout, so what only watches needs few heartbeats.
 */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { setTimeout as delay } from 'node:timers/promises';
import { subscribersOf } from '../../activities/lib/entities.ts';
import { entityId, nodeRef, type EntityRef } from '../../workflows/lib/ids.ts';
import { logger } from './log.ts';

/** An answer to the server may be on its way for so long after an activity has ended. */
const answeredMs = 10_000;
/** A task may be on its way from the server for so long. */
const lookAgainMs = 2_000;
const boundMs = 10_000;
const started = proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;

interface Attempt {
  key: string;
  workflowId: string;
  runId: string;
  activityId: string;
}

export class BegunActivities {
  readonly #node: string;
  /** Attempts that this process has, or has just answered. */
  readonly #here = new Set<string>();

  constructor(node: string) {
    this.#node = node;
  }

  /** Of the local controllers of this node: who holds what is told by it. */
  get identity(): string {
    return `lc/${this.#node}/${process.pid}`;
  }

  /** For each Temporal worker of the node. */
  readonly interceptor: ActivityInterceptorsFactory = ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const key = keyOf(info.workflowExecution?.runId, info.activityId, info.attempt);
        this.#here.add(key);
        try {
          return await next(input);
        } finally {
          setTimeout(() => this.#here.delete(key), answeredMs).unref();
        }
      },
    },
  });

  /** Asked when this process begins: the server still thinks that its predecessor attends. */
  attendance(client: Client): Promise<void> {
    return this.#giveBack(client, async () => [nodeRef(this.#node)]);
  }

  /** Asked whenever contact is made again: what all have going on this node. */
  all(client: Client): Promise<void> {
    return this.#giveBack(client, () => subscribersOf(client, nodeRef(this.#node)));
  }

  /** Never rejects: what cannot be given back is left to the heartbeat timeout. */
  async #giveBack(client: Client, entities: () => Promise<EntityRef[]>): Promise<void> {
    try {
      const seen = await this.#lost(client, (await entities()).map(entityId));
      if (seen.length === 0) return;
      await delay(lookAgainMs, undefined, { ref: false });
      const keys = new Set(seen.map(({ key }) => key));
      const again = await this.#lost(client, [...new Set(seen.map(({ workflowId }) => workflowId))]);
      for (const attempt of again) if (keys.has(attempt.key)) await giveUp(client, attempt);
    } catch (error) {
      logger.warn({ error: String(error) }, 'what was lost on this node goes on after its heartbeat timeout');
    }
  }

  async #lost(client: Client, workflowIds: string[]): Promise<Attempt[]> {
    const found: Attempt[] = [];
    for (const workflowId of workflowIds) {
      for (const { activityId, attempt, identity, runId } of await begunBy(client, workflowId)) {
        const key = keyOf(runId, activityId, attempt);
        if (!identity.startsWith(`lc/${this.#node}/`) || this.#here.has(key)) continue;
        found.push({ key, workflowId, runId, activityId });
      }
    }
    return found;
  }
}

async function begunBy(client: Client, workflowId: string) {
  const describe = () => client.workflow.getHandle(workflowId).describe();
  try {
    const { runId, raw } = await client.withDeadline(Date.now() + boundMs, describe);
    return (raw.pendingActivities ?? [])
      .filter(({ state }) => state === started)
      .map(({ activityId, attempt, lastWorkerIdentity }) => ({
        activityId: activityId ?? '',
        attempt: attempt ?? 1,
        identity: lastWorkerIdentity ?? '',
        runId,
      }));
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw error;
  }
}

/** The server gives it out again at once. */
async function giveUp(client: Client, { workflowId, runId, activityId }: Attempt): Promise<void> {
  const restarted = ApplicationFailure.create({ message: 'its local controller had lost it', nextRetryDelay: 1 });
  const fail = () => client.activity.fail({ workflowId, runId, activityId }, restarted);
  await client.withDeadline(Date.now() + boundMs, fail);
}

function keyOf(runId: string | undefined, activityId: string, attempt: number): string {
  return `${runId} ${activityId} ${attempt}`;
}
