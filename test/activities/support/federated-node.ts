import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  BlobRef,
  ClientNews,
  TrainClientInput,
  TrainClientResult,
  WorkerSpec,
} from '../../../activities/contracts.ts';
import { createFederatedResidents } from '../../../activities/edge/federated.ts';
import type { FederatedDependencies } from '../../../activities/edge/train-client.ts';
import { mlp, OnnxEstimator } from '../../../sdk/estimators/onnx/index.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import { writeWeights } from '../../../sdk/tensors/index.ts';
import { serveGateway, type GatewayOptions } from '../../../workers/lib/gateway/gateway.ts';
import { healthServer } from '../../../workers/lib/health.ts';
import { freePort } from '../../../workers/lib/ports.ts';
import { serveTaskApi } from '../../../workers/lib/task-api.ts';
import { NodeTaskBoard } from '../../../workers/lib/task-board.ts';
import { serveWorkerApi } from '../../../workers/lib/worker-api.ts';
import type { ImageEntry } from '../../../workers/runtimes/process/images.ts';
import { ProcessRuntime } from '../../../workers/runtimes/process/process-runtime.ts';

const here = import.meta.dirname;
const owner = { kind: 'FederatedLearningJob', namespace: 'default', name: 'job', uid: 'u-1' };

export interface NodePlace {
  directory: string;
  port: number;
}

export async function newPlace(): Promise<NodePlace> {
  const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'federated-node-'));
  return { directory, port: await freePort(undefined) };
}

/** A local controller without Temporal: real runtime, HTTP API, board and activities. Another one at the same place is its successor. */
export class FederatedNode {
  readonly place: NodePlace;
  readonly news: ClientNews[] = [];
  readonly runtime: ProcessRuntime;
  readonly board: NodeTaskBoard;
  readonly blobs;
  readonly #server = healthServer({ missing: () => [] }).server;
  readonly #environments: MockActivityEnvironment[] = [];
  #stopped = false;
  /** Limits of the gateway for trainers of the original library, other than its own. To be set before `start`. */
  gateway: Partial<GatewayOptions> = {};

  /** `images`: more than those of this folder. */
  constructor(place: NodePlace, images: ImageEntry[] = []) {
    this.place = place;
    this.blobs = openBlobStore(join(place.directory, 'blobs'));
    const image = (name: string, script: string) => ({ image: `test/${name}`, dir: here, command: ['node', script] });
    this.runtime = new ProcessRuntime(this.stateDir, [
      image('trainer', 'trainer.ts'),
      image('liar', 'liar.ts'),
      image('crashes', 'crashes.cjs'),
      image('sedna-trainer', '../../workers/support/sedna-trainer.ts'),
      ...images,
    ]);
    this.board = new NodeTaskBoard(this.stateDir, (worker) => this.runtime.get(worker)?.owner);
  }

  get stateDir(): string {
    return join(this.place.directory, 'state');
  }

  async start(): Promise<this> {
    await this.runtime.recover();
    serveWorkerApi(this.#server, this.runtime);
    serveTaskApi(this.#server, this.board, { holdMs: 2_000 });
    serveGateway(this.#server, { board: this.board, runtime: this.runtime, stateDir: this.stateDir, ...this.gateway });
    await this.#server.listen({ port: this.place.port, host: '127.0.0.1' });
    return this;
  }

  get deps(): FederatedDependencies {
    return {
      node: 'edge-1',
      stateDir: this.stateDir,
      address: () => `http://127.0.0.1:${this.place.port}`,
      blobs: this.blobs,
      runtime: this.runtime,
      tasks: this.board,
      signaller: {
        observed: async (_id, message) => void this.news.push(message.value as ClientNews),
        runs: async () => true,
      },
    };
  }

  /** Weights that the trainer's network begins with, moved a little so that they are not its own. */
  async weights(hidden = 16): Promise<BlobRef> {
    const model = mlp({ inputs: 784, hidden: [hidden], outputs: 10, seed: 9 });
    const estimator = new OnnxEstimator({
      model,
      loss: 'softmaxCrossEntropy',
      optimizer: { name: 'sgd', learningRate: 1 },
    });
    const file = join(this.place.directory, 'weights.safetensors');
    await writeWeights(file, await estimator.getWeights());
    await estimator.close();
    return this.blobs.put({ file });
  }

  async input(
    change: Partial<TrainClientInput> & { env?: Record<string, string>; image?: string } = {},
  ): Promise<TrainClientInput> {
    const { env = {}, image = 'trainer', ...rest } = change;
    const template = { spec: { containers: [{ image: `test/${image}:v1` }] } };
    return {
      identity: { run: 'sedna/federatedlearningjob/default/job/run/u-1-0', round: 1, client: '00' },
      task: 'Train',
      worker: {
        name: 'job-train-00',
        owner,
        stage: 'Train',
        manifest: await this.blobs.put(JSON.stringify({ spec: { trainingWorkers: { 0: { template } } } })),
        template: 'spec.trainingWorkers.0.template',
        env: { JOB_NAME: 'job', ...env },
      },
      dataset: { url: join(here, 'trainer.ts'), format: 'txt' },
      settings: { epochs: 2 },
      seed: 7,
      evaluate: false,
      policy: {},
      listener: { workflowId: 'w', uid: 'u-1', slot: 'client/00' },
      ...(rest.task === 'Weights' ? {} : { weights: await this.weights() }),
      ...rest,
    };
  }

  /** `attempt`: of the activity. */
  environment(attempt = 1): MockActivityEnvironment {
    const environment = new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR') });
    this.#environments.push(environment);
    return environment;
  }

  async train(input: TrainClientInput, environment = this.environment()): Promise<TrainClientResult> {
    const activities = createFederatedResidents(this.deps);
    return environment.run((given: TrainClientInput) => activities.trainClient(given), input);
  }

  async dismiss(workers: string[], weights?: BlobRef, trainers?: WorkerSpec[]): Promise<void> {
    const activities = createFederatedResidents(this.deps);
    const dismiss = () =>
      activities.dismissClients({
        run: 'r',
        workers,
        ...(weights ? { weights } : {}),
        ...(trainers ? { trainers } : {}),
      });
    await this.environment().run(dismiss);
  }

  /** As a local controller that goes down in order: its workers stay. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const environment of this.#environments) environment.cancel('WORKER_SHUTDOWN');
    this.runtime.detach();
    await this.#server.close();
  }

  async close(): Promise<void> {
    for (const environment of this.#environments) environment.cancel('WORKER_SHUTDOWN');
    await Promise.all(this.runtime.list().map(({ name }) => this.runtime.remove(name)));
    await this.stop();
  }
}
