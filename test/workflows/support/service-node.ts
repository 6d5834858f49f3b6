import { createNodeActivities } from '../../../activities/edge/node.ts';
import { createWorkerSetActivities } from '../../../activities/edge/serve.ts';
import { createWorkerActivities, type WorkerDependencies } from '../../../activities/edge/worker.ts';
import { signallerOf } from '../../../activities/lib/signaller.ts';
import type { NodeFields } from '../../../activities/contracts.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { healthServer } from '../../../workers/lib/health.ts';
import { sweepOwners } from '../../../workers/lib/sweep.ts';
import { serveWorkerApi } from '../../../workers/lib/worker-api.ts';
import type { ImageEntry } from '../../../workers/runtimes/process/images.ts';
import { ProcessRuntime } from '../../../workers/runtimes/process/process-runtime.ts';
import { nodeRef, residentQueue } from '../../../workflows/lib/ids.ts';
import type { Worker } from '@temporalio/worker';
import type { FastifyInstance } from 'fastify';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestNamespace } from './namespace.ts';

/** A node as its local controller makes it, in this process: real runtime, HTTP API, activities and workers. */
export class ServiceNode {
  readonly name: string;
  readonly directory: string;
  readonly labels: Record<string, string>;
  runtime: ProcessRuntime | undefined;
  readonly #temporal: TestNamespace;
  readonly #blobUrl: string;
  #worker: Worker | undefined;
  #server: FastifyInstance | undefined;

  constructor(temporal: TestNamespace, name: string, blobUrl: string, labels: Record<string, string> = {}) {
    this.#temporal = temporal;
    this.#blobUrl = blobUrl;
    this.name = name;
    this.labels = labels;
    this.directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), `${name}-`));
    mkdirSync(this.stateDir);
  }

  get stateDir(): string {
    return join(this.directory, 'state');
  }

  /** Where the workers of a set of its one service keep what outlives them. */
  stateOf(role: string): string {
    const [uid = ''] = readdirSync(join(this.stateDir, 'services'));
    return join(this.stateDir, 'services', uid, role);
  }

  /** As its workers do with requests that wait for their final answer. */
  leaveAnswers(role: string, content: string): void {
    mkdirSync(join(this.stateOf(role), 'deferred'));
    writeFileSync(join(this.stateOf(role), 'deferred', 'deferred.sqlite'), content);
  }

  async start(): Promise<this> {
    const images: ImageEntry[] = [
      { image: 'test/replica', dir: import.meta.dirname, command: [process.execPath, 'replica.cjs'] },
    ];
    const runtime = new ProcessRuntime(this.stateDir, images);
    this.runtime = runtime;
    await runtime.recover();
    const { server } = healthServer({ missing: () => [] });
    serveWorkerApi(server, runtime);
    const address = await server.listen({ port: 0, host: '127.0.0.1' });
    this.#server = server;
    const { client } = this.#temporal;
    const deps: WorkerDependencies = {
      node: this.name,
      stateDir: this.stateDir,
      address: () => address,
      blobs: openBlobStore(this.#blobUrl),
      runtime,
      signaller: signallerOf(client),
    };
    this.#worker = await this.#temporal.work({
      taskQueue: residentQueue(this.name),
      activities: {
        ...createNodeActivities({ ...deps, sweep: () => sweepOwners(client, deps) }),
        ...createWorkerSetActivities(deps),
        serveWorker: createWorkerActivities(deps).serveWorker,
      },
    });
    await this.#temporal.apply(nodeRef(this.name), { fields: { ...facts, address, labels: this.labels } });
    return this;
  }

  /** As the end of its local controller: its workers and fronts go on. */
  async stop(): Promise<void> {
    if (this.#worker !== undefined) await this.#temporal.stop(this.#worker);
    this.#worker = undefined;
    this.runtime?.detach();
    this.runtime = undefined;
    await this.#server?.close();
  }

  /** Its end for good. */
  async end(): Promise<void> {
    if (this.runtime === undefined) await this.start();
    const { runtime } = this;
    if (runtime !== undefined) await Promise.all(runtime.list().map(({ name }) => runtime.remove(name)));
    await this.stop();
  }
}

const facts: NodeFields = {
  architecture: 'x64',
  platform: 'linux',
  cpus: 2,
  memoryBytes: 1 << 30,
  diskFreeBytes: 1 << 30,
  executionProviders: ['cpu'],
  labels: {},
  images: [],
  address: '',
  advertisedAddress: '127.0.0.1',
  versions: {},
  blobStore: { reachable: true },
};
