import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { Worker, WorkerOptions } from '@temporalio/worker';
import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDatasetActivities } from '../../../activities/edge/dataset.ts';
import { DatasetWatchers } from '../../../activities/edge/lib/dataset-watcher.ts';
import { signallerOf } from '../../../activities/lib/signaller.ts';
import type {
  DeployModelInput,
  DeployResult,
  NodeFields,
  ReportedModel,
  ResidentActivities,
  RunWorkerInput,
  RunWorkerResult,
  WorkerObservation,
} from '../../../activities/contracts.ts';
import { openBlobStore, type BlobStore } from '../../../sdk/storage/index.ts';
import { failures, type FailureType } from '../../../workflows/lib/failures.ts';
import { edgeQueue, nodeRef, residentQueue, type Owner } from '../../../workflows/lib/ids.ts';
import type { TestNamespace } from './namespace.ts';

type Residents = Pick<ResidentActivities, 'attend' | 'serveWorker' | 'deployModel' | 'removeOwner'>;

/**
 * A node whose workers are scripted: real Temporal workers on its queues, real datasets and blobs on disk; what a local
 * controller would do with processes is told by the test.
 */
export class ScriptedNode {
  readonly name: string;
  readonly directory: string;
  readonly blobs: BlobStore;
  readonly runs: RunWorkerInput[] = [];
  readonly deploys: DeployModelInput[] = [];
  readonly removed: Owner[] = [];
  readonly served: string[] = [];
  onRun: (input: RunWorkerInput, node: ScriptedNode) => Promise<ReportedModel[]> | ReportedModel[] = goodRun;
  onDeploy: (input: DeployModelInput) => Promise<Partial<DeployResult>> | Partial<DeployResult> = ({ hotUpdate }) =>
    hotUpdate === undefined ? {} : { config: '/hot/model_config.json' };
  onServe: () => void = () => undefined;
  /** Activities beyond these, by queue. */
  moreResidents: object = {};
  moreWork: object = {};
  /** Of the Temporal worker for what is resident. */
  residentOptions: Partial<WorkerOptions> = {};
  readonly #temporal: TestNamespace;
  #workers: Worker[] = [];

  constructor(temporal: TestNamespace, name: string) {
    this.name = name;
    this.#temporal = temporal;
    this.directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? '/tmp', `${name}-`));
    this.blobs = openBlobStore(join(this.directory, 'blobs'));
  }

  get dataset(): string {
    return join(this.directory, 'data.txt');
  }

  samples(from: number, to: number): void {
    appendFileSync(this.dataset, Array.from({ length: to - from }, (_, i) => `sample ${from + i}\n`).join(''));
  }

  replaceSamples(lines: string[]): void {
    writeFileSync(this.dataset, lines.map((line) => `${line}\n`).join(''));
  }

  async register(labels: Record<string, string> = {}, fields: Partial<NodeFields> = {}): Promise<void> {
    await this.#temporal.apply(nodeRef(this.name), { fields: { ...facts, labels, ...fields } });
  }

  async start(): Promise<this> {
    const signaller = signallerOf(this.#temporal.client);
    const datasets = createDatasetActivities({ blobs: this.blobs, signaller, watchers: new DatasetWatchers() });
    this.#workers = await Promise.all([
      this.#temporal.work({
        taskQueue: residentQueue(this.name),
        activities: { ...datasets, ...this.#residents(signaller), ...this.moreResidents },
        ...this.residentOptions,
      }),
      this.#temporal.work({
        taskQueue: edgeQueue(this.name),
        activities: { runWorker: (input: RunWorkerInput) => this.#run(input, signaller), ...this.moreWork },
      }),
    ]);
    return this;
  }

  /** As the end of its local controller: nobody polls the queues of the node any more. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => this.#temporal.stop(worker)));
    this.#workers = [];
  }

  async model(name: string, content: string): Promise<ReportedModel> {
    const blob = await this.blobs.put(content);
    return { format: 'onnx', url: join(this.directory, name), metrics: {}, blob };
  }

  async #run(input: RunWorkerInput, signaller: ReturnType<typeof signallerOf>): Promise<RunWorkerResult> {
    this.runs.push(input);
    const { listener, round, worker } = input;
    const value = { running: true, round, stage: worker.stage, node: this.name, worker: worker.name };
    await signaller.observed(listener.workflowId, { slot: listener.slot, uid: listener.uid, value });
    return { node: this.name, models: await beating(async () => this.onRun(input, this)) };
  }

  #residents(signaller: ReturnType<typeof signallerOf>): Residents {
    return {
      attend: async ({ listener: { workflowId, slot, uid }, attendance }) => {
        await signaller.observed(workflowId, { slot, uid, value: attendance });
        await beating(() => new Promise(() => undefined));
      },
      serveWorker: async ({ listener: { workflowId, slot, uid }, worker }) => {
        this.served.push(worker.revision ?? '');
        this.onServe();
        const value: WorkerObservation = {
          state: 'ready',
          node: this.name,
          worker: worker.name,
          restarts: 0,
          endpoints: [{ name: 'http', url: 'http://127.0.0.1:1' }],
        };
        await signaller.observed(workflowId, { slot, uid, value });
        await beating(() => new Promise(() => undefined));
      },
      deployModel: async (input) => {
        this.deploys.push(input);
        return { node: this.name, ...(await this.onDeploy(input)) };
      },
      removeOwner: async ({ owner }) => void this.removed.push(owner),
    };
  }
}

/** Trains to accuracy 0.5 + round / 10; evaluates the new model that much better than the deployed one. */
async function goodRun({ worker, round }: RunWorkerInput, node: ScriptedNode): Promise<ReportedModel[]> {
  if (worker.stage === 'Train') return [await node.model(`trained-${round}.onnx`, `weights ${worker.name}`)];
  return (worker.models?.['MODEL_URLS'] ?? []).map(({ url, format }, i) => ({
    format,
    url,
    metrics: { accuracy: [0.1, 0.5 + round / 10 - i * 0.1] },
  }));
}

export function fail(type: FailureType, message: string): never {
  throw ApplicationFailure.create({ type, message, nonRetryable: !failures[type].retryable });
}

export async function beating<T>(act: () => Promise<T>): Promise<T> {
  const context = Context.current();
  context.heartbeat();
  const timer = setInterval(() => context.heartbeat(), 300);
  try {
    return await Promise.race([act(), context.cancelled]);
  } finally {
    clearInterval(timer);
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
  address: 'http://127.0.0.1:9100',
  versions: {},
  blobStore: { reachable: true },
};
