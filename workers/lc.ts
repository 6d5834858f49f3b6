/** Local controller of one node: a Temporal activity worker on the node's two queues, the HTTP API of its workers, its runtime. */
import { Worker, type WorkerInterceptors } from '@temporalio/worker';
import { mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { createAggregateActivities } from '../activities/edge/aggregate.ts';
import { createDatasetActivities } from '../activities/edge/dataset.ts';
import { createDeployActivities } from '../activities/edge/deploy.ts';
import { createFederatedResidents } from '../activities/edge/federated.ts';
import { DatasetWatchers } from '../activities/edge/lib/dataset-watcher.ts';
import { createNodeActivities } from '../activities/edge/node.ts';
import type { FederatedDependencies } from '../activities/edge/train-client.ts';
import { createWorkerSetActivities } from '../activities/edge/serve.ts';
import { createUserAggregators } from '../activities/edge/user-aggregator.ts';
import { createWorkerActivities } from '../activities/edge/worker.ts';
import { signalEntity } from '../activities/lib/entities.ts';
import { signallerOf } from '../activities/lib/signaller.ts';
import type { NodeFields } from '../activities/contracts.ts';
import { openBlobStore } from '../sdk/storage/index.ts';
import { edgeQueue, nodeRef, residentQueue } from '../workflows/lib/ids.ts';
import { signals } from '../workflows/lib/messages.ts';
import { roundPlayer } from './lib/aggregator/player.ts';
import { BegunActivities } from './lib/begun.ts';
import { configured, readLcConfig, type LcConfig } from './lib/config.ts';
import { serveGateway } from './lib/gateway/gateway.ts';
import { healthServer, listen } from './lib/health.ts';
import { logger } from './lib/log.ts';
import { blobStoreHealth, executionProviders, machineFacts } from './lib/node-facts.ts';
import { dataConverter } from './lib/payloads.ts';
import { aborted, ended, shutdownSignal } from './lib/shutdown.ts';
import { lockState } from './lib/state-lock.ts';
import { sweepOwners } from './lib/sweep.ts';
import { connectTemporal, installRuntime, type TemporalConnections } from './lib/temporal.ts';
import { serveTaskApi } from './lib/task-api.ts';
import { NodeTaskBoard } from './lib/task-board.ts';
import { serveWorkerApi, serveWorkerViews } from './lib/worker-api.ts';
import { registerWorkerMetrics } from './lib/worker-metrics.ts';
import { readImages, readStrategies } from './runtimes/process/images.ts';
import { ProcessRuntime } from './runtimes/process/process-runtime.ts';

const badImages = {
  code: 'BadImages',
  hint: 'write images: [{image: "example/*", dir: ., command: [python3, main.py]}] as YAML or JSON',
};

/** Watching costs little: many at once. */
const residentSlots = 1_000;

/** Runs until SIGTERM; workers stay. Rejects when a Temporal worker ends by itself, so that whoever supervises starts it again. */
export async function runLocalController(flags: { node: string; role?: string; port?: string }): Promise<void> {
  const config = readLcConfig(flags, process.env, cpus().length);
  const stop = shutdownSignal();
  const temporalMetrics = await installRuntime();
  const blobs = configured('SEDNA_BLOB_URL', () => openBlobStore(config.blobUrl));
  configured('SEDNA_STATE_DIR', () => mkdirSync(config.stateDir, { recursive: true }));
  const images = configured('SEDNA_IMAGES', () => readImages(config.imageFiles), badImages);
  const strategies = configured('SEDNA_IMAGES', () => readStrategies(config.imageFiles), badImages);
  const lock = lockState(config.stateDir);
  const runtime = new ProcessRuntime(config.stateDir, images, { silentSeconds: config.frontSilentSeconds });
  await runtime.recover();

  // The API is up before Temporal is: workers that report while the uplink is down must not lose their reports.
  let workers: Worker[] = [];
  const { server, registry } = healthServer({
    more: temporalMetrics,
    missing: () =>
      workers.length > 0 && workers.every((worker) => worker.getState() === 'RUNNING') ? [] : ['Temporal'],
  });
  registerWorkerMetrics(registry, () => runtime.list());
  const tasks = new NodeTaskBoard(config.stateDir, (worker) => runtime.get(worker)?.owner);
  serveWorkerApi(server, runtime);
  serveTaskApi(server, tasks);
  serveGateway(server, { board: tasks, runtime, stateDir: config.stateDir });
  serveWorkerViews(server, { list: () => runtime.list() });
  const address = await listen(server, config);
  const providers = executionProviders();
  const temporal = await connectTemporal(stop);

  const deps: FederatedDependencies = {
    node: config.node,
    stateDir: config.stateDir,
    address: () => address,
    blobs,
    runtime,
    signaller: signallerOf(temporal.client, config.node),
    tasks,
    services: servicesOf(config),
  };
  const begun = new BegunActivities(config.node, temporal.client);
  workers = await createWorkers(config, temporal, { ...deps, strategies, begun });
  const running = Promise.all(workers.map((worker) => worker.run()));
  const attendance = begun.attendance();
  const fields: NodeFields = {
    ...(await machineFacts(config.stateDir)),
    executionProviders: await providers,
    labels: config.labels,
    images: images.map(({ image }) => image),
    address,
    advertisedAddress: config.advertisedAddress,
    blobStore: await blobStoreHealth(blobs, config.node),
  };
  await signalEntity(temporal.client, nodeRef(config.node), signals.apply, { origin: 'standalone', fields });
  begun.follow();
  logger.info(
    { node: config.node, address, images: fields.images, providers: fields.executionProviders },
    'local controller runs',
  );

  await Promise.race([running, aborted(stop)]);
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  await ended(Promise.all([running, attendance]), stop);
  begun.close();
  runtime.detach();
  await server.close();
  await temporal.close();
  lock.release();
}

/** Whoever advertises an address wants to be reached there: services then listen on all interfaces. */
function servicesOf({ advertisedAddress: address, host }: LcConfig): { address: string; bind: string } {
  const here = ['127.0.0.1', '::1', 'localhost'].includes(address);
  return { address, bind: here ? host : '0.0.0.0' };
}

async function createWorkers(
  config: LcConfig,
  temporal: TemporalConnections,
  deps: FederatedDependencies & { strategies: string[]; begun: BegunActivities },
): Promise<Worker[]> {
  const { runWorker, serveWorker } = createWorkerActivities(deps);
  const { client } = temporal;
  const sweep = async (): Promise<void> => void (await Promise.all([deps.begun.all(), sweepOwners(client, deps)]));
  const aggregators = createUserAggregators({ ...deps, player: roundPlayer });
  const residents = {
    ...createDatasetActivities({ blobs: deps.blobs, signaller: deps.signaller, watchers: new DatasetWatchers() }),
    ...createDeployActivities(deps),
    ...createFederatedResidents(deps),
    ...createNodeActivities({ ...deps, sweep }),
    ...createWorkerSetActivities(deps),
    serveWorker,
  };
  const interceptors: WorkerInterceptors = { activity: [deps.begun.interceptor] };
  const common = {
    connection: temporal.native,
    namespace: temporal.namespace,
    identity: deps.begun.identity,
    dataConverter,
    // Cancellation and pause reach an activity with its heartbeat.
    maxHeartbeatThrottleInterval: '3s',
    interceptors,
    shutdownGraceTime: '500ms',
    // Below the bound after which whoever stops us kills us: 8.5 s under `sedna up` (GRACE_MS in deploy/local/runner.ts).
    shutdownForceTime: '8s',
  } as const;
  return Promise.all([
    Worker.create({
      ...common,
      taskQueue: edgeQueue(config.node),
      activities: { runWorker, ...createAggregateActivities({ ...deps, aggregators }) },
      maxConcurrentActivityTaskExecutions: config.slots,
      activityTaskPollerBehavior: { type: 'autoscaling', minimum: 1, initial: 1, maximum: 2 },
    }),
    Worker.create({
      ...common,
      taskQueue: residentQueue(config.node),
      activities: residents,
      maxConcurrentActivityTaskExecutions: residentSlots,
      activityTaskPollerBehavior: { type: 'autoscaling', minimum: 1, initial: 2, maximum: 8 },
    }),
  ]);
}
