import { describe } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findBinary } from '../../deploy/local/binaries.ts';
import { packageRoot } from '../../deploy/local/files.ts';
import { kubernetesServers, prepareKubernetes, writeKubeconfig } from '../../deploy/local/kubernetes.ts';
import { withLock } from '../../deploy/local/lock.ts';
import { allocatePorts } from '../../deploy/local/ports.ts';
import { startServer } from './test-run.ts';

/** `describe` that is skipped where no Temporal server could be had (the reason was printed once at the start). */
export const describeTemporal = process.env.TEST_TEMPORAL_ADDRESS ? describe : describe.skip;
/** `describe` that is skipped where no Kubernetes API server could be had. */
export const describeKubernetes = process.env.TEST_KUBERNETES ? describe : describe.skip;

/** Address (host:port) of the run's Temporal server, which all test files share: use ids and task queues of your own. */
export function temporalAddress(): string {
  return required('TEST_TEMPORAL_ADDRESS');
}

/** Path of the bundle of workflows/index.ts, built once per run. */
export function workflowBundlePath(): string {
  return required('TEST_WORKFLOW_BUNDLE');
}

/**
 * Path of the kubeconfig of the run's API server with the project's definitions installed; starts it on the first call,
 * about 3 s, for all test files of the run. Give `beforeAll` 60 s. Use a namespace or names of your own.
 */
export async function testKubeconfig(): Promise<string> {
  const run = required('TEST_RUN_DIR');
  const kubeconfig = join(run, 'kubeconfig');
  return withLock(join(run, 'kubernetes.lock'), { boundMs: 90_000 }, async () => {
    if (!existsSync(kubeconfig)) await startKubernetes(run, kubeconfig);
    return kubeconfig;
  });
}

/** Bound of a `beforeAll` with `kubernetesAlone`: it waits for the files before it. */
export const turnMs = 600_000;

/**
 * `testKubeconfig` for files that keep objects there, or watch them: a watcher is told of everybody's objects, and gives them to the
 * entities of its own file. One after the other; call `release` at the end. Give `beforeAll` `turnMs`.
 */
export async function kubernetesAlone(): Promise<{ kubeconfig: string; release: () => void }> {
  const kubeconfig = await testKubeconfig();
  const lock = join(required('TEST_RUN_DIR'), 'objects.lock');
  return new Promise((resolve, reject) => {
    const turn = (): Promise<void> => new Promise((release) => resolve({ kubeconfig, release }));
    withLock(lock, { boundMs: turnMs }, turn).catch(reject);
  });
}

async function startKubernetes(run: string, kubeconfig: string): Promise<void> {
  const [store, server] = [findBinary('etcd'), findBinary('kube-apiserver')];
  if (!store || !server) throw new Error('etcd or kube-apiserver not found; guard the test with describeKubernetes');
  const { etcd = 0, peer = 0, api = 0 } = await allocatePorts(['etcd', 'peer', 'api']);
  const dir = join(run, 'kubernetes');
  prepareKubernetes(dir);
  const servers = kubernetesServers({
    binaries: { etcd: store.path, apiServer: server.path },
    dir,
    ports: { etcd, peer, api },
    throwaway: true,
  });
  await startServer(run, servers.etcd);
  await startServer(run, servers.api);
  const pending = `${kubeconfig}.pending`;
  writeKubeconfig(pending, dir, api);
  const crds = join(packageRoot(), 'crds', 'yaml');
  if (existsSync(crds)) {
    // Most files that import this one need no client of Kubernetes, and it takes half a second to load.
    const { installDefinitions } = await import('../../deploy/local/definitions.ts');
    await installDefinitions(pending, crds);
  }
  writeKubeconfig(kubeconfig, dir, api);
}

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with npm test; see the reason printed at its start`);
  return value;
}
