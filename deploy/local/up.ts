import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { connectKube } from '../../workers/kube/client.ts';
import { installCrds } from '../../workers/kube/crds.ts';
import { isReady, type Component } from './component.ts';
import { settle, type UpRequest } from './desired.ts';
import { StackError } from './errors.ts';
import { packageRoot } from './files.ts';
import { prepareKubernetes, writeKubeconfig } from './kubernetes.ts';
import type { Say } from './obtain.ts';
import { planStack, portNames } from './plan.ts';
import { allocatePorts } from './ports.ts';
import { isAlive, signal, stopProcess, waitForExit, type ProcessRef } from './process.ts';
import { awaitReady, startComponent, stopComponent, strayComponents, type Stack } from './runner.ts';
import { readStackState, stackPaths, writeStackState, type RunningComponent, type StackState } from './state.ts';

/** Told of each component as it comes up. `seconds` counts from the start of `up`. */
export type Progress = (event: { name: string; state: 'ready' | 'adopted'; address: string; seconds: number }) => void;

export interface UpResult {
  stack: Stack;
  /** Nothing had to be started, and a supervisor already looks after it all. */
  unchanged: boolean;
}

/**
 * Brings the stack of the working directory to what is asked for: adopts what runs as it should, replaces what changed, starts
 * what is missing. The caller holds the stack's lock and sees to a supervisor afterwards.
 */
export async function bringUp(request: UpRequest, say: Say, progress: Progress): Promise<UpResult> {
  const started = performance.now();
  prepareFolders(request.cwd);
  const before = readOrSetAside(request.cwd, say);
  const desired = await settle(request, before, say);
  const running = (before?.components ?? []).filter(isAlive);
  const ports = await allocatePorts(portNames(desired), before?.ports, heldPorts(running));
  const { state, components } = planStack(desired, { ...before?.ports, ...ports });
  const keep = running.filter((old) => components.some((wanted) => isSame(old, wanted)));
  if (before?.supervisor && isAlive(before.supervisor)) {
    state.supervisor = before.supervisor;
    if (keep.length === components.length && keep.length === running.length) {
      state.components = keep;
      return { stack: { cwd: request.cwd, state }, unchanged: true };
    }
    await handOver(before.supervisor);
    delete state.supervisor;
  }
  const stack: Stack = { cwd: request.cwd, state: { ...state, components: running } };
  await Promise.all(strayComponents(stack).map((stray) => stopProcess(stray, 3_000)));
  const changed = running.filter((old) => !keep.includes(old));
  // One after another: each stop rewrites the record.
  for (const old of changed) await stopComponent(stack, old);
  writeStackState(request.cwd, stack.state);
  await startAll(stack, components, (component, adopted) =>
    progress({
      name: component.name,
      state: adopted ? 'adopted' : 'ready',
      address: `127.0.0.1:${component.port}`,
      seconds: (performance.now() - started) / 1000,
    }),
  );
  return { stack, unchanged: false };
}

/** Ends a supervisor but not what it supervises. */
export async function handOver(supervisor: ProcessRef): Promise<void> {
  signal(supervisor, 'SIGUSR2');
  if (await waitForExit(supervisor, 5_000)) return;
  signal(supervisor, 'SIGKILL');
  await waitForExit(supervisor, 2_000);
}

type Ready = (component: RunningComponent, adopted: boolean) => void;

/** Starts in the order of need: Temporal and the Kubernetes API side by side, then the processes that talk to both. */
async function startAll(stack: Stack, components: Component[], ready: Ready): Promise<void> {
  const named = (name: string): Component[] => components.filter((component) => component.name === name);
  const ensure = async (wanted: Component[]): Promise<void> => {
    await Promise.all(wanted.map((component) => ensureComponent(stack, component, ready)));
  };
  const temporal = ensure(named('temporal'));
  const kubernetes = ensure(named('etcd')).then(() => startKubernetes(stack, () => ensure(named('kube-apiserver'))));
  const controllers = temporal.then(() => ensure(components.filter(({ name }) => name.startsWith('lc/'))));
  const manager = Promise.all([temporal, kubernetes]).then(() => ensure(named('gm')));
  const results = await Promise.allSettled([temporal, kubernetes, controllers, manager]);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function ensureComponent(stack: Stack, component: Component, ready: Ready): Promise<void> {
  const old = stack.state.components.find(({ name }) => name === component.name);
  const running = old && isAlive(old) ? old : await startComponent(stack, component);
  await awaitReady(running);
  ready(running, running === old);
}

async function startKubernetes(stack: Stack, startServer: () => Promise<void>): Promise<void> {
  const { kubeconfig, ownKubernetes, ports } = stack.state;
  if (!kubeconfig) return;
  const paths = stackPaths(stack.cwd);
  if (ownKubernetes) {
    prepareKubernetes(paths.kubernetes);
    await startServer();
    const moved = writeKubeconfig(kubeconfig, paths.kubernetes, ports['kube-apiserver'] ?? 0);
    const manager = stack.state.components.find(({ name }) => name === 'gm');
    // It read the old address when it started.
    if (moved && manager) await stopComponent(stack, manager);
  }
  const crds = join(packageRoot(), 'crds', 'yaml');
  if (!existsSync(crds)) return;
  try {
    await installCrds(connectKube(kubeconfig), crds);
  } catch (error) {
    throw new StackError(`the definitions of ${crds} could not be installed: ${(error as Error).message}`, {
      code: 'CrdsNotInstalled',
      hint: ownKubernetes ? `see ${paths.log('kube-apiserver')}` : `check that ${kubeconfig} reaches its cluster`,
      cause: error,
    });
  }
}

function heldPorts(running: RunningComponent[]): Set<string> {
  const names = running.map(({ name }) => name);
  if (names.includes('temporal')) names.push('temporal-http', 'temporal-ui', 'temporal-metrics');
  if (names.includes('etcd')) names.push('etcd-peer');
  return new Set(names);
}

function isSame(old: RunningComponent, wanted: Component): boolean {
  const essence = ({ name, command, args, env }: Component): string => JSON.stringify([name, command, args, env]);
  return essence(old) === essence(wanted);
}

/** A record that cannot be read must not keep the user from starting: it is kept beside, and its processes are found by their marker. */
function readOrSetAside(cwd: string, say: Say): StackState | undefined {
  try {
    return readStackState(cwd);
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    const path = stackPaths(cwd).state;
    renameSync(path, `${path}.bad`);
    say(`${error.message}; set aside as ${path}.bad, starting anew on the same data`);
    return undefined;
  }
}

function prepareFolders(cwd: string): void {
  const paths = stackPaths(cwd);
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  for (const dir of [paths.logs, paths.blobs, dirname(paths.temporalDb)]) mkdirSync(dir, { recursive: true });
  const ignore = join(paths.dir, '.gitignore');
  if (!existsSync(ignore)) writeFileSync(ignore, '*\n');
}

/** Whether every recorded component runs and serves. */
export async function allServe(state: StackState): Promise<boolean> {
  const serving = await Promise.all(state.components.map(async (one) => isAlive(one) && (await isReady(one.ready))));
  return serving.every(Boolean);
}
