import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Component } from './component.ts';
import { StackError } from './errors.ts';
import { packageRoot } from './files.ts';
import { dropOldCertificate, hasCertificate, prepareKubernetes, writeKubeconfig } from './kubernetes.ts';
import { isAlive } from '../../workers/lib/process.ts';
import { awaitReady, startComponent, stopComponent, type Stack } from './runner.ts';
import { stackPaths, type RunningComponent } from './state.ts';
import { until } from './wait.ts';

export type Ready = (component: RunningComponent, adopted: boolean) => void;

/**
 * Starts in the order of need: Temporal and the Kubernetes API side by side, then the processes that talk to them. The manager
 * needs the kubeconfig, not yet the API: it loads while the API server does.
 */
export async function startAll(stack: Stack, components: Component[], ready: Ready): Promise<void> {
  const serve = async (filter: (name: string) => boolean): Promise<void> => {
    const wanted = components.filter(({ name }) => filter(name));
    await Promise.all(wanted.map(async (component) => awaitComponent(await ensureComponent(stack, component), ready)));
  };
  const temporal = serve((name) => name === 'temporal');
  const controllers = temporal.then(() => serve((name) => name.startsWith('lc/')));
  const store = serve((name) => name === 'etcd');
  const server = store.then(() => startApiServer(stack, components));
  const kubernetes = server.then(async (api) => {
    if (api) await awaitComponent(api, ready);
    await serveDefinitions(stack);
  });
  const manager = Promise.all([temporal, server]).then(() => serve((name) => name === 'gm'));
  const results = await Promise.allSettled([temporal, store, server, kubernetes, controllers, manager]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

interface Ensured {
  running: RunningComponent;
  adopted: boolean;
}

function runningOf({ state }: Stack, { name }: Component): RunningComponent | undefined {
  return state.components.find((one) => one.name === name && isAlive(one));
}

async function ensureComponent(stack: Stack, component: Component): Promise<Ensured> {
  const old = runningOf(stack, component);
  if (old) return { running: old, adopted: true };
  return { running: await startComponent(stack, component), adopted: false };
}

async function awaitComponent({ running, adopted }: Ensured, ready: Ready): Promise<void> {
  await awaitReady(running);
  ready(running, adopted);
}

/** Resolves when there is a kubeconfig, which is before the server serves; to undefined where the cluster is not ours. */
async function startApiServer(stack: Stack, components: Component[]): Promise<Ensured | undefined> {
  const component = components.find(({ name }) => name === 'kube-apiserver');
  const { kubeconfig, ports } = stack.state;
  if (!component || !kubeconfig) return undefined;
  const dir = stackPaths(stack.cwd).kubernetes;
  prepareKubernetes(dir);
  if (!runningOf(stack, component)) dropOldCertificate(dir);
  const api = await ensureComponent(stack, component);
  const giveUp = (): boolean => !isAlive(api.running);
  // Without a certificate the server died: whoever awaits it says why.
  if (!(await until(() => hasCertificate(dir), 30_000, { giveUp }))) return api;
  const moved = writeKubeconfig(kubeconfig, dir, ports['kube-apiserver'] ?? 0);
  const manager = stack.state.components.find(({ name }) => name === 'gm');
  // It read the old address when it started.
  if (moved && manager) await stopComponent(stack, manager);
  return api;
}

async function serveDefinitions(stack: Stack): Promise<void> {
  const { kubeconfig, ownKubernetes } = stack.state;
  const crds = join(packageRoot(), 'crds', 'yaml');
  if (!kubeconfig || !existsSync(crds)) return;
  try {
    const { installDefinitions } = await import('./definitions.ts');
    await installDefinitions(kubeconfig, crds);
  } catch (error) {
    const log = stackPaths(stack.cwd).log('kube-apiserver');
    throw new StackError(`the definitions of ${crds} could not be installed: ${(error as Error).message}`, {
      code: 'CrdsNotInstalled',
      hint: ownKubernetes ? `see ${log}` : `check that ${kubeconfig} reaches its cluster`,
      cause: error,
    });
  }
}
