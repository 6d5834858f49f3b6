/** Global manager: Temporal worker for workflows and control activities, and the Kubernetes watcher. */
import type { Worker } from '@temporalio/worker';
import { createControlActivities } from '../activities/control/control.ts';
import { openBlobStore } from '../sdk/storage/index.ts';
import { controlQueue } from '../workflows/lib/ids.ts';
import type { Cluster } from './kube/cluster.ts';
import type { Watcher } from './kube/watcher.ts';
import { configured, readGmConfig } from './lib/config.ts';
import { createControlWorker } from './lib/control-worker.ts';
import { Healer } from './lib/heal.ts';
import { healthServer, listen } from './lib/health.ts';
import { logger } from './lib/log.ts';
import { ObjectMetrics, observeEntities } from './lib/object-metrics.ts';
import { registerSearchAttributes } from './lib/search-attributes.ts';
import { aborted, ended, shutdownSignal } from './lib/shutdown.ts';
import { connectTemporal, installRuntime } from './lib/temporal.ts';
import { workflowBundle } from './lib/workflow-bundle.ts';

/** Runs until SIGTERM. Rejects when the Temporal worker ends by itself, so that whoever supervises starts it again. */
export async function runGlobalManager(flags: { port?: string }): Promise<void> {
  const config = readGmConfig(flags, process.env);
  const stop = shutdownSignal();
  const temporalMetrics = await installRuntime();
  const cluster = await clusterOf(config.kubeconfig);
  const blobs = configured('SEDNA_BLOB_URL', () => openBlobStore(config.blobUrl));
  const parts: { worker?: Worker; watcher?: Watcher; refresh?: () => Promise<void> } = {};
  const { server, registry } = healthServer({
    more: temporalMetrics,
    refresh: async () => parts.refresh?.(),
    missing: () => [
      ...(parts.worker?.getState() === 'RUNNING' ? [] : ['Temporal']),
      ...(parts.watcher?.pending.map((kind) => `list of ${kind}`) ?? []),
    ],
  });
  const metrics = new ObjectMetrics(registry);
  await listen(server, config);
  const temporal = await connectTemporal(stop);
  await registerSearchAttributes(temporal);
  const worker = await createControlWorker({
    connection: temporal.native,
    namespace: temporal.namespace,
    taskQueue: controlQueue,
    workflowBundle: await workflowBundle(),
    activities: createControlActivities(temporal.client, cluster?.objects),
    identity: `gm/${process.pid}`,
  });
  parts.worker = worker;
  const running = worker.run();
  if (cluster === undefined) parts.refresh = observeEntities(temporal.client, metrics);
  const watcher = cluster?.watcher({ client: temporal.client, blobs, observer: metrics });
  watcher?.start();
  parts.watcher = watcher;
  const announce = cluster?.objects.announce.bind(cluster.objects);
  const beginAgain = watcher?.beginAgain.bind(watcher);
  void new Healer({ client: temporal.client, announce, beginAgain }).run(stop);
  logger.info({ port: config.port, mode: cluster === undefined ? 'standalone' : 'kubernetes' }, 'global manager runs');
  await Promise.race([running, aborted(stop)]);
  await watcher?.stop();
  if (worker.getState() === 'RUNNING') worker.shutdown();
  await ended(running, stop);
  await server.close();
  await temporal.close();
}

async function clusterOf(kubeconfig: string | undefined): Promise<Cluster | undefined> {
  if (kubeconfig === undefined) return undefined;
  const { connectCluster } = await import('./kube/cluster.ts');
  return connectCluster(kubeconfig);
}
