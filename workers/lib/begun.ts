/**
 * What the server takes for begun on this node although nobody here has it: a local controller was killed with it, or the task was lost
 * on its way (docs/adr/0024-few-heartbeats.md). It is given back instead of being left to the heartbeat timeout, so what only watches
 * needs few heartbeats.
 */
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { setTimeout as delay } from 'node:timers/promises';
import { subscribersOf } from '../../activities/lib/entities.ts';
import { entityId, entityOf, nodeRef, type EntityRef } from '../../workflows/lib/ids.ts';
import { logger } from './log.ts';

/** An answer to the server may be on its way for so long after an activity has ended. */
const answeredMs = 15_000;
/** What comes of something that has begun or ended is asked for one to two of these later. */
const tickMs = 3_000;
/** A task may be on its way from the server for so long. */
const lookAgainMs = 2_000;
const boundMs = 10_000;
/** Who follows the node is asked for so often: the first thing that an object begins here may be lost as well, and nothing else tells of it. */
const followersMs = 15_000;
/** Times that a follower is looked at before anything of it has begun here. */
const looksPerFollower = 8;
const started = proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED;

interface Attempt {
  key: string;
  workflowId: string;
  runId: string;
  activityId: string;
}

export class BegunActivities {
  readonly #node: string;
  readonly #client: Client;
  /** Attempts that this process has. */
  readonly #here = new Set<string>();
  /** Attempts that it has just answered. */
  readonly #answered = new Set<string>();
  /** Workflows to look at: at the tick after the next, and at the next. */
  #noted = new Set<string>();
  #due = new Set<string>();
  /** By workflow id, how often those that follow the node are still looked at: not any more once something of theirs has begun here. */
  #followers = new Map<string, number>();
  #following: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(node: string, client: Client) {
    this.#node = node;
    this.#client = client;
  }

  /** Of the local controllers of this node: who holds what is told by it. */
  get identity(): string {
    return `lc/${this.#node}/${process.pid}`;
  }

  /** For each Temporal worker of the node. */
  readonly interceptor: ActivityInterceptorsFactory = ({ info }) => ({
    inbound: {
      execute: async (input, next) => {
        const workflowId = info.workflowExecution?.workflowId ?? '';
        const key = keyOf(info.workflowExecution?.runId, info.activityId, info.attempt);
        this.#here.add(key);
        this.#note(workflowId);
        try {
          return await next(input);
        } finally {
          this.#here.delete(key);
          this.#answered.add(key);
          setTimeout(() => this.#answered.delete(key), answeredMs).unref();
          this.#note(workflowId);
        }
      },
    },
  });

  /** Asked when this process begins: the server still thinks that its predecessor attends. */
  attendance(): Promise<void> {
    return this.#atContact(async () => [nodeRef(this.#node)]);
  }

  /** Asked whenever contact is made again: what all have going on this node. */
  all(): Promise<void> {
    return this.#atContact(() => subscribersOf(this.#client, nodeRef(this.#node)));
  }

  /** From now on whoever comes to follow the node is looked at. */
  follow(everyMs = followersMs): void {
    // Where that cannot be asked now it is asked the next time.
    const ask = (): void => void this.#newcomers().catch(() => undefined);
    this.#following = setInterval(ask, everyMs).unref();
  }

  /** Nothing is looked at by itself any more. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#following);
    clearTimeout(this.#timer);
  }

  /** Never rejects: what cannot be given back is left to the heartbeat timeout. */
  async #atContact(entities: () => Promise<EntityRef[]>): Promise<void> {
    try {
      await this.#giveBack((await entities()).map(entityId));
    } catch (error) {
      logger.warn({ error: String(error) }, 'what was lost on this node goes on after its heartbeat timeout');
    }
  }

  /**
   * A workflow that has got an answer from here is likely to begin something here next, and a task is lost where it is handed out: also
   * while contact never was (a link that is away for seconds, a server that stands still). A run tells its entity how it ended.
   */
  #note(workflowId: string): void {
    if (workflowId === '') return;
    const entity = entityOf(workflowId);
    this.#noted.add(workflowId).add(entity);
    this.#followers.set(entity, 0);
    this.#arm();
  }

  async #newcomers(): Promise<void> {
    const ask = () => subscribersOf(this.#client, nodeRef(this.#node));
    const ids = (await this.#client.withDeadline(Date.now() + boundMs, ask)).map(entityId);
    this.#followers = new Map(ids.map((id) => [id, this.#followers.get(id) ?? looksPerFollower]));
    for (const [id, left] of this.#followers) {
      if (left === 0) continue;
      this.#followers.set(id, left - 1);
      this.#noted.add(id);
    }
    if (this.#noted.size > 0) this.#arm();
  }

  #arm(): void {
    if (!this.#closed) this.#timer ??= setTimeout(() => void this.#tick(), tickMs).unref();
  }

  async #tick(): Promise<void> {
    const due = [...this.#due];
    this.#due = this.#noted;
    this.#noted = new Set();
    try {
      await this.#giveBack(due);
    } catch {
      // The link is away: asked again until it is back.
      for (const workflowId of due) this.#due.add(workflowId);
    }
    this.#timer = undefined;
    if (this.#due.size + this.#noted.size > 0) this.#arm();
  }

  async #giveBack(workflowIds: string[]): Promise<void> {
    const seen = await this.#lost(workflowIds);
    if (seen.length === 0) return;
    await delay(lookAgainMs, undefined, { ref: false });
    const keys = new Set(seen.map(({ key }) => key));
    const again = await this.#lost([...new Set(seen.map(({ workflowId }) => workflowId))]);
    for (const attempt of again) if (keys.has(attempt.key)) await giveUp(this.#client, attempt);
  }

  async #lost(workflowIds: string[]): Promise<Attempt[]> {
    const found: Attempt[] = [];
    for (const workflowId of workflowIds) {
      for (const { activityId, attempt, identity, runId } of await begunBy(this.#client, workflowId)) {
        const key = keyOf(runId, activityId, attempt);
        if (!identity.startsWith(`lc/${this.#node}/`) || this.#here.has(key)) continue;
        // Its answer may be the one that gets lost.
        if (this.#answered.has(key)) this.#note(workflowId);
        else found.push({ key, workflowId, runId, activityId });
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
