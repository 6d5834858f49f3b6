/**
 * Repeats workflow tasks whose commands cannot be replayed. Temporal's SDK answers a query by replaying all events that there are,
 * also those of a workflow task whose answer was lost, and keeps the result: the next task is then computed in two steps that the
 * history knows as one (docs/operations.md, "A history that cannot be replayed"). Nothing that we do can keep it from that.
 */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { findKind } from '../../crds/registry.ts';
import { refOf } from '../../activities/lib/entities.ts';
import type { KubeEvent } from '../../activities/contracts.ts';
import { controlQueue, type EntityRef } from '../../workflows/lib/ids.ts';
import { logger } from './log.ts';
import { resetPoint, type ResetPoint } from './reset-point.ts';

/** Begins the reason of a reset. */
export const resetReason = 'its history cannot be replayed';

/** Kinds that, begun again, do no round once more: they go on behind those that the status of their object tells of. */
const recalling = new Set(['IncrementalLearningJob']);

const lookMs = 15_000;
const hourMs = 3_600_000;

export interface HealerDependencies {
  client: Client;
  /** Tells people, besides the log. What fails here is not tried again. */
  announce?: (ref: EntityRef, event: KubeEvent, id: string) => Promise<void>;
  /** Begins an entity again from its object, once `end` has ended it. False where there is no object; then nothing was ended. */
  beginAgain?: (ref: EntityRef, end: () => Promise<void>) => Promise<boolean>;
  taskQueue?: string;
  /** Resets of one workflow within an hour: what fails again after these is a defect of the code, and needs a person. Default 3. */
  perHour?: number;
}

export class Healer {
  readonly #deps: HealerDependencies;
  readonly #resets = new Map<string, number[]>();
  /** Runs that were given up, so that this is said once. */
  readonly #left = new Set<string>();

  constructor(deps: HealerDependencies) {
    this.#deps = deps;
  }

  /** Looks every 15 s until `stop`. Any number of global managers may: a second reset repeats what the first one did. */
  async run(stop: AbortSignal): Promise<void> {
    let said = '';
    while (!stop.aborted) {
      await delay(lookMs, undefined, { signal: stop }).catch(() => undefined);
      if (stop.aborted) return;
      try {
        await this.heal();
        said = '';
      } catch (error) {
        // Once: a server that is older than the search attribute will say the same for ever.
        if (said !== String(error))
          logger.warn({ error: String(error) }, 'could not look for workflows that are stuck; goes on trying');
        said = String(error);
      }
    }
  }

  /** One look. Returns the ids of the workflows that go on because of it. */
  async heal(): Promise<string[]> {
    const { client, taskQueue = controlQueue } = this.#deps;
    const query = `ExecutionStatus = "Running" AND TaskQueue = "${taskQueue}" AND TemporalReportedProblems IS NOT NULL`;
    const healed: string[] = [];
    for await (const execution of client.workflow.list({ query })) {
      try {
        if (await this.#healOne(execution)) healed.push(execution.workflowId);
      } catch (error) {
        const { workflowId } = execution;
        logger.warn({ workflowId, error: String(error) }, 'could not repeat its workflow task; tries again in 15 s');
      }
    }
    return healed;
  }

  async #healOne(execution: WorkflowExecutionInfo): Promise<boolean> {
    const { client } = this.#deps;
    const { workflowId, runId } = execution;
    const handle = client.workflow.getHandle(workflowId);
    // Lists come late, and another global manager may have been here.
    if (this.#left.has(runId) || (await handle.describe()).runId !== runId) return false;
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    const point = resetPoint(events ?? []);
    if (point === undefined) return false;
    const where = `the workflow task that ended with event ${point.finishEventId}`;
    const spent = this.#spent(workflowId);
    if (spent === undefined && (await this.#isMended(execution, point))) {
      this.#resets.set(workflowId, [...(this.#resets.get(workflowId) ?? []), Date.now()]);
      const how = point.refused === undefined ? `${where} is repeated` : 'it begins again behind what its status tells';
      await this.#say(execution, point, `its history could not be replayed; ${how}`);
      return true;
    }
    this.#left.add(runId);
    const refused = spent ?? point.refused ?? '';
    const message = `its history cannot be replayed, and ${where} is not repeated: ${refused}; see docs/operations.md`;
    await this.#say(execution, point, message, 'HistoryBroken');
    return false;
  }

  /** From the task that went wrong, or, where repeating that would do harm, from its object. */
  async #isMended(execution: WorkflowExecutionInfo, { finishEventId, problem, refused }: ResetPoint): Promise<boolean> {
    const { client, beginAgain } = this.#deps;
    const { workflowId, runId } = execution;
    const reason = `${resetReason}: ${problem}`.slice(0, 500);
    if (refused === undefined) {
      await client.workflowService.resetWorkflowExecution({
        namespace: client.options.namespace,
        workflowExecution: { workflowId, runId },
        workflowTaskFinishEventId: finishEventId as never,
        reason,
        requestId: randomUUID(),
      });
      return true;
    }
    const ref = refOf(execution);
    if (beginAgain === undefined || ref === undefined || !recalling.has(ref.kind)) return false;
    return beginAgain(ref, async () => {
      await client.workflow.getHandle(workflowId, runId).terminate(reason);
    });
  }

  #spent(workflowId: string): string | undefined {
    const recent = (this.#resets.get(workflowId) ?? []).filter((at) => at > Date.now() - hourMs);
    this.#resets.set(workflowId, recent);
    const { perHour = 3 } = this.#deps;
    return recent.length < perHour ? undefined : `it was done ${perHour} times within an hour`;
  }

  async #say(
    execution: WorkflowExecutionInfo,
    { problem }: ResetPoint,
    message: string,
    reason: 'HistoryReset' | 'HistoryBroken' = 'HistoryReset',
  ): Promise<void> {
    const { workflowId, runId } = execution;
    logger[reason === 'HistoryReset' ? 'warn' : 'error']({ workflowId, runId, problem }, message);
    const ref = refOf(execution);
    if (ref === undefined) return;
    try {
      // A Node is an entity without an object.
      if (findKind(ref.kind) !== undefined)
        await this.#deps.announce?.(ref, { type: 'Warning', reason, message }, runId);
    } catch (error) {
      logger.warn({ workflowId, error: String(error) }, 'could not write an event about the reset');
    }
  }
}
