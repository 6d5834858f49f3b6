import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isReady, type Component } from './component.ts';
import { settle, type UpRequest } from './desired.ts';
import { StackError } from './errors.ts';
import type { Say } from './obtain.ts';
import { planStack, portNames } from './plan.ts';
import { allocatePorts } from './ports.ts';
import { isAlive, stopProcess } from '../../workers/lib/process.ts';
import { stopComponent, strayComponents, type Stack } from './runner.ts';
import { startAll } from './start.ts';
import { readStackState, stackPaths, writeStackState, type RunningComponent, type StackState } from './state.ts';
import { handOver } from './supervisor.ts';
import { stopWorkers } from './workers.ts';

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
  await stopObsolete(stack, keep, components, say);
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

/** Stops what no record names, what is to be started differently and, with their workers, nodes that are no longer wanted. */
async function stopObsolete(stack: Stack, keep: RunningComponent[], wanted: Component[], say: Say): Promise<void> {
  await Promise.all(strayComponents(stack).map((stray) => stopProcess(stray, 3_000)));
  const obsolete = stack.state.components.filter((old) => !keep.includes(old));
  // One after another: each stop rewrites the record.
  for (const old of obsolete) await stopComponent(stack, old);
  const dropped = obsolete.filter((old) => !wanted.some(({ name }) => name === old.name));
  for (const { name } of dropped) {
    say(`${name} does not belong to the stack any more: stopped`);
    if (name.startsWith('lc/')) await stopWorkers(stack.cwd, name.slice(3), say);
  }
  writeStackState(stack.cwd, stack.state);
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
    if (!(error instanceof StackError) || error.code !== 'BadStackState') throw error;
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

/** Names of recorded components that do not run or do not serve. */
export async function notServing(state: StackState): Promise<string[]> {
  const serves = await Promise.all(state.components.map(async (one) => isAlive(one) && (await isReady(one.ready))));
  return state.components.filter((_, i) => !serves[i]).map(({ name }) => name);
}
