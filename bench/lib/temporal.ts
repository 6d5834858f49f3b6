/** A Temporal server of the benchmark's own, set up as `sedna up` does it (SQLite on disk), with Temporal workers in this process. */
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isReady } from '../../deploy/local/component.ts';
import { lastLines } from '../../deploy/local/files.ts';
import { obtainBinaries } from '../../deploy/local/obtain.ts';
import { allocatePorts } from '../../deploy/local/ports.ts';
import { temporalServer } from '../../deploy/local/temporal.ts';
import { until } from '../../deploy/local/wait.ts';
import { createControlWorker } from '../../workers/lib/control-worker.ts';
import { bundleWorkflows } from '../../workers/lib/workflow-bundle.ts';
import { isAlive, launchDetached, signal, stopProcess, type ProcessRef } from '../../workers/lib/process.ts';

const startBoundMs = 60_000;

export class BenchTemporal {
  readonly client: Client;
  readonly server: ProcessRef;
  readonly address: string;
  readonly #native: NativeConnection;
  readonly #folder: string;
  readonly #running = new Map<Worker, Promise<void>>();

  private constructor(folder: string, server: ProcessRef, address: string, native: NativeConnection, client: Client) {
    this.#folder = folder;
    this.server = server;
    this.address = address;
    this.#native = native;
    this.client = client;
  }

  static async start(): Promise<BenchTemporal> {
    const folder = mkdtempSync(join(tmpdir(), 'sedna-bench-'));
    const { temporal } = await obtainBinaries(['temporal'], console.error);
    const { grpc = 0, http = 0, ui = 0, metrics = 0 } = await allocatePorts(['grpc', 'http', 'ui', 'metrics']);
    const component = temporalServer({
      binary: temporal.path,
      ports: { grpc, http, ui, metrics },
      headless: true,
      dbFile: join(folder, 'temporal.db'),
    });
    const log = join(folder, 'temporal.log');
    const env = { PATH: process.env['PATH'], HOME: folder, TZ: 'UTC' };
    const server = await launchDetached({ command: component.command, args: component.args, cwd: folder, env, log });
    // Whoever interrupts the benchmark leaves no server behind.
    process.once('exit', () => signal(server, 'SIGKILL'));
    const ready = await until(() => isReady(component.ready), startBoundMs, { giveUp: () => !isAlive(server) });
    if (!ready) throw new Error(`Temporal did not start:\n${lastLines(log, 20).join('\n')}`);
    quiet();
    const address = `127.0.0.1:${grpc}`;
    const native = await NativeConnection.connect({ address });
    const client = new Client({ connection: await Connection.connect({ address }) });
    return new BenchTemporal(folder, server, address, native, client);
  }

  /** In a folder that goes with the server. */
  file(name: string): string {
    return join(this.#folder, name);
  }

  /** A global manager's Temporal worker, with other code in it. */
  async control(options: Omit<WorkerOptions, 'connection'>): Promise<void> {
    this.#run(await createControlWorker({ connection: this.#native, ...options }));
  }

  /** A Temporal worker of activities alone, as nodes have them. */
  async node(options: Pick<WorkerOptions, 'taskQueue' | 'activities'>): Promise<void> {
    this.#run(await Worker.create({ connection: this.#native, ...options }));
  }

  #run(worker: Worker): void {
    this.#running.set(worker, worker.run());
  }

  async close(): Promise<void> {
    for (const [worker, running] of this.#running) {
      worker.shutdown();
      await running;
    }
    await this.client.connection.close();
    await this.#native.close();
    await stopProcess(this.server, 3_000);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

let silenced = false;

function quiet(): void {
  if (silenced) return;
  silenced = true;
  const logging = { filter: { core: 'ERROR', other: 'ERROR' }, forward: {} } as const;
  Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging }, shutdownSignals: [] });
}

/** The code of a workflows module, bundled as GM bundles its own. */
export async function bundle(workflowsPath: string): Promise<{ code: string }> {
  quiet();
  return bundleWorkflows(workflowsPath);
}
