import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkerOptions } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { createControlActivities, type ObjectWriter } from '../../../activities/control/control.ts';
import { signalEntity, viewEntity } from '../../../activities/lib/entities.ts';
import type { EntityRef } from '../../../workflows/lib/ids.ts';
import { controlQueue, entityId } from '../../../workflows/lib/ids.ts';
import type { ApplyMessage, EntityView } from '../../../workflows/lib/messages.ts';
import { signals } from '../../../workflows/lib/messages.ts';
import { leanWorkflows } from '../../../workers/lib/lean-workflows.ts';
import { dataConverter } from '../../../workers/lib/payloads.ts';
import { registerSearchAttributes } from '../../../workers/lib/search-attributes.ts';
import { eventually } from '../../support/eventually.ts';

let isQuiet = false;

/** Not before it is used: without connections that end, the SDK's runtime keeps its process alive. */
function quietRuntime(): void {
  if (isQuiet) return;
  isQuiet = true;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } },
    shutdownSignals: [],
  });
}

/** A query is a task of the workflow: server and worker are busy with it for several ms. */
const viewMs = 150;

/** A Temporal namespace of the test's own on the run's server, with real Temporal workers: its entities see no other test's. */
export class TestNamespace {
  readonly name: string;
  readonly native: NativeConnection;
  readonly client: Client;
  readonly #running = new Map<Worker, Promise<void>>();

  private constructor(name: string, native: NativeConnection, client: Client) {
    this.name = name;
    this.native = native;
    this.client = client;
  }

  static async open(address = process.env['TEST_TEMPORAL_ADDRESS'] ?? ''): Promise<TestNamespace> {
    quietRuntime();
    const name = `test-${randomUUID().slice(0, 8)}`;
    const native = await NativeConnection.connect({ address });
    const connection = await Connection.connect({ address });
    const client = new Client({ connection, namespace: name, dataConverter });
    await connection.workflowService.registerNamespace({
      namespace: name,
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    const opened = new TestNamespace(name, native, client);
    await eventually(() => registerSearchAttributes({ client, namespace: name, native, close: () => opened.close() }));
    return opened;
  }

  /** A global manager's Temporal worker: the real workflows and control activities. */
  async control(objects?: ObjectWriter, options: Partial<WorkerOptions> = {}): Promise<Worker> {
    return this.work({
      taskQueue: controlQueue,
      workflowBundle: { codePath: process.env['TEST_WORKFLOW_BUNDLE'] ?? '' },
      activities: createControlActivities(this.client, objects),
      maxCachedWorkflows: 50,
      ...leanWorkflows(),
      ...options,
    });
  }

  async work(options: Omit<WorkerOptions, 'connection' | 'namespace'>): Promise<Worker> {
    const worker = await Worker.create({
      connection: this.native,
      namespace: this.name,
      dataConverter,
      shutdownGraceTime: '100ms',
      // A worker that is forced to end fails its test; on a busy machine fifty workflows are not given up in two seconds.
      // The SDK then says "execution context should have been disposed first", whatever it was forced for.
      shutdownForceTime: '40s',
      maxHeartbeatThrottleInterval: '200ms',
      ...options,
    });
    this.#running.set(worker, worker.run());
    return worker;
  }

  async stop(worker: Worker): Promise<void> {
    worker.shutdown();
    try {
      await this.#running.get(worker);
    } catch (error) {
      // The SDK's core lets go of the last poll a moment too late on a busy machine; the worker has drained.
      if (!String(error).includes('Worker still in use')) throw error;
    }
    this.#running.delete(worker);
  }

  async apply(ref: EntityRef, message: Omit<ApplyMessage, 'origin'> & Partial<ApplyMessage>): Promise<void> {
    await signalEntity(this.client, ref, signals.apply, { origin: 'standalone', ...message });
  }

  async signal(ref: EntityRef, name: string, ...args: unknown[]): Promise<void> {
    await this.client.workflow.getHandle(entityId(ref)).signal(name, ...args);
  }

  /** Its view once the assertion holds. */
  async view(ref: EntityRef, assertion: (view: EntityView) => void = () => undefined, boundMs = 30_000) {
    const look = async (): Promise<EntityView> => {
      const view = await viewEntity(this.client, ref);
      if (view === undefined) throw new Error(`${entityId(ref)} does not run`);
      assertion(view);
      return view;
    };
    return eventually(look, boundMs, viewMs);
  }

  /** Resolves once the entity has ended. */
  async ended(ref: EntityRef, boundMs = 30_000): Promise<void> {
    await eventually(async () => {
      const { status } = await this.client.workflow.getHandle(entityId(ref)).describe();
      if (status.name !== 'COMPLETED') throw new Error(`${entityId(ref)} is ${status.name}`);
    }, boundMs);
  }

  async close(): Promise<void> {
    const workers = [...this.#running.keys()];
    await Promise.all(workers.map((worker) => this.stop(worker)));
    // A call that is being retried throws out of a timer when its channel is gone: the channel outlives it, and keeps nobody alive.
    setTimeout(() => void this.client.connection.close(), 120_000).unref();
    await this.native.close();
  }
}
