import { basename } from 'node:path';
import type { Component } from './component.ts';
import { isReady } from './component.ts';
import { StackError } from './errors.ts';
import { lastLines, rotateLog, unlessNoRoom } from './files.ts';
import {
  commandLine,
  isAlive,
  launchDetached,
  processesWith,
  stopProcess,
  type ProcessRef,
} from '../../workers/lib/process.ts';
import { mainScript } from './sedna.ts';
import { stackPaths, writeStackState, type RunningComponent, type StackState } from './state.ts';
import { until } from './wait.ts';

const READY_BOUND_MS = 60_000;

/**
 * Milliseconds between SIGTERM and SIGKILL. Managers and controllers get more than their own shutdownForceTime (8 s); the sum
 * along the stop order, with 2 s for workers, stays under the 15 s that `down` promises.
 */
const GRACE_MS: Record<string, number> = {
  lc: 8_500,
  gm: 8_500,
  'kube-apiserver': 2_500,
  etcd: 1_500,
  temporal: 4_000,
};

/** Every process of a stack carries this variable with the stack's folder; `down` finds by it what no record names. */
const STACK_MARKER = 'SEDNA_STACK';

/** Settings of other installations that must not leak from the user's shell into the stack. */
const FOREIGN = /^(TEMPORAL_|KUBERNETES_|KUBECONFIG$|SEDNA_(BLOB_URL|KUBECONFIG|STATE_DIR|IMAGES|STACK)$)/;

/** A stack under change: its recorded state is on disk before and after every start and stop. */
export interface Stack {
  cwd: string;
  state: StackState;
}

export async function startComponent(stack: Stack, component: Component): Promise<RunningComponent> {
  const paths = stackPaths(stack.cwd);
  const log = paths.log(component.name);
  rotateLog(log);
  const kept = Object.entries(process.env).filter(([name]) => !FOREIGN.test(name));
  const env = { ...Object.fromEntries(kept), TZ: 'UTC', ...component.env, [STACK_MARKER]: paths.dir };
  let ref: ProcessRef;
  try {
    ref = await launchDetached({ command: component.command, args: component.args, cwd: stack.cwd, env, log });
  } catch (error) {
    throw new StackError(`${component.name}: ${component.command} cannot be run`, {
      code: 'NotRunnable',
      hint: 'see sedna doctor',
      cause: error,
    });
  }
  const running: RunningComponent = { ...component, ...ref, log };
  record(stack, running);
  return running;
}

/** Resolves when the component serves; throws with the end of its log when it died or did not serve within a minute. */
export async function awaitReady(component: RunningComponent): Promise<void> {
  const giveUp = (): boolean => !isAlive(component);
  if (await until(() => isReady(component.ready), READY_BOUND_MS, { giveUp })) return;
  const why = isAlive(component) ? `is not ready after ${READY_BOUND_MS / 1000} s` : 'ended while starting';
  const lines = lastLines(component.log, 8).map((line) => `\n    ${line}`);
  throw new StackError(`${component.name} ${why}${lines.join('')}`, {
    code: 'NotReady',
    hint: `the whole log is ${component.log}`,
  });
}

export async function stopComponent(stack: Stack, component: RunningComponent): Promise<void> {
  await stopProcess(component, GRACE_MS[component.name.split('/')[0] ?? ''] ?? 3_000);
  stack.state.components = stack.state.components.filter(({ name }) => name !== component.name);
  unlessNoRoom(() => writeStackState(stack.cwd, stack.state));
}

function record(stack: Stack, running: RunningComponent): void {
  const others = stack.state.components.filter(({ name }) => name !== running.name);
  stack.state.components = [...others, running];
  writeStackState(stack.cwd, stack.state);
}

/** Whatever was started as a part of the working directory's stack and still runs. */
export function markedProcesses(cwd: string): ProcessRef[] {
  return processesWith(STACK_MARKER, stackPaths(cwd).dir);
}

/**
 * Components of this stack that no record names: a supervisor was killed between the start and its note, or the record is
 * lost. Workers, which local controllers own, carry the marker too and are told apart by their command.
 */
export function strayComponents(stack: Stack): ProcessRef[] {
  const recorded = new Set(stack.state.components.map(({ pid }) => pid));
  return markedProcesses(stack.cwd).filter(({ pid }) => !recorded.has(pid) && isComponentCommand(commandLine(pid)));
}

function isComponentCommand([command = '', script, verb = '']: string[]): boolean {
  if (['temporal', 'etcd', 'kube-apiserver'].includes(basename(command))) return true;
  return script === mainScript() && ['gm', 'lc'].includes(verb);
}
