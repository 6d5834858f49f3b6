/** The entity frame against a bare workflow on the same server: latencies, rate, state transitions. */
import { signalEntity } from '../../activities/lib/entities.ts';
import { controlQueue, entityId, type EntityRef } from '../../workflows/lib/ids.ts';
import { signals } from '../../workflows/lib/messages.ts';
import { until } from '../../deploy/local/wait.ts';
import type { BenchTemporal } from '../lib/temporal.ts';
import { now } from '../lib/statistics.ts';
import type { Starts } from './activities.ts';

const settleMs = 60_000;

export interface Side {
  /** Starts one and resolves to the milliseconds until its first activity starts. */
  first(name: string): Promise<number>;
  /** Tells a running one and resolves to the milliseconds until the activity that this causes starts. */
  next(name: string): Promise<number>;
  /** Starts `count` of them at once; resolves to those per second until the last has nothing left to do. */
  burst(prefix: string, count: number): Promise<number>;
  /** State transitions of one that did its one activity. */
  transitions(name: string): Promise<number>;
  /** Of its workflow. */
  id(name: string): string;
}

/** Resolves when no workflow task and no activity is pending. */
export async function idle({ client }: BenchTemporal, workflowId: string): Promise<void> {
  const isIdle = async (): Promise<boolean> => {
    const { raw } = await client.workflow.getHandle(workflowId).describe();
    return !raw.pendingWorkflowTask && (raw.pendingActivities ?? []).length === 0;
  };
  if (!(await until(isIdle, settleMs, { everyMs: 5 }))) throw new Error(`${workflowId} is still busy`);
}

abstract class Measured {
  protected readonly temporal: BenchTemporal;
  protected readonly starts: Starts;

  constructor(temporal: BenchTemporal, starts: Starts) {
    this.temporal = temporal;
    this.starts = starts;
  }

  protected async reaction(name: string, act: () => Promise<unknown>): Promise<number> {
    const started = this.starts.next(name);
    const before = now();
    await act();
    const at = await started;
    await this.idle(name);
    return at - before;
  }

  abstract id(name: string): string;

  protected idle(name: string): Promise<void> {
    return idle(this.temporal, this.id(name));
  }

  /** By the server's clock: from the first event of any of them to the last. */
  protected async rate(names: string[]): Promise<number> {
    const times: number[] = [];
    for (const name of names) {
      const { events } = await this.temporal.client.workflow.getHandle(this.id(name)).fetchHistory();
      for (const event of [events?.at(0), events?.at(-1)]) times.push(timeOf(event?.eventTime));
    }
    return names.length / ((Math.max(...times) - Math.min(...times)) / 1_000);
  }

  async transitions(name: string): Promise<number> {
    const { raw } = await this.temporal.client.workflow.getHandle(this.id(name)).describe();
    return Number(raw.workflowExecutionInfo?.stateTransitionCount ?? 0);
  }
}

export class Framed extends Measured implements Side {
  first(name: string): Promise<number> {
    return this.reaction(name, () => this.#apply(name));
  }

  next(name: string): Promise<number> {
    return this.reaction(name, () => this.temporal.client.workflow.getHandle(this.id(name)).signal('trigger'));
  }

  async burst(prefix: string, count: number): Promise<number> {
    const names = numbered(prefix, count);
    await Promise.all(names.map((name) => this.#apply(name)));
    for (const name of names) await this.idle(name);
    return this.rate(names);
  }

  id(name: string): string {
    return entityId(ref(name));
  }

  async #apply(name: string): Promise<void> {
    await signalEntity(this.temporal.client, ref(name), signals.apply, { origin: 'standalone', fields: { run: name } });
  }
}

export class Bare extends Measured implements Side {
  first(name: string): Promise<number> {
    return this.reaction(name, () => this.#start('bare', name));
  }

  /** The first call starts the workflow: ask for its first activity before. */
  next(name: string): Promise<number> {
    return this.reaction(name, () => this.temporal.client.workflow.getHandle(this.id(name)).signal('trigger'));
  }

  /** One that lives on, for `next`. */
  async begin(name: string): Promise<void> {
    await this.reaction(name, () => this.#start('bareLoop', name));
  }

  async burst(prefix: string, count: number): Promise<number> {
    const names = numbered(prefix, count);
    await Promise.all(names.map((name) => this.#start('bare', name)));
    for (const name of names) await this.idle(name);
    return this.rate(names);
  }

  id(name: string): string {
    return `bare/${name}`;
  }

  async #start(workflow: string, name: string): Promise<void> {
    await this.temporal.client.workflow.start(workflow, {
      workflowId: this.id(name),
      taskQueue: controlQueue,
      args: [name],
    });
  }
}

function ref(name: string): EntityRef {
  return { kind: 'Framed', namespace: 'default', name };
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
}

function timeOf(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;
}
