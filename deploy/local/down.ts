import { rmSync } from 'node:fs';
import { StackError } from './errors.ts';
import type { Say } from './obtain.ts';
import { isAlive, processesWith, stopProcess, type ProcessRef } from './process.ts';
import { STACK_MARKER, stopComponent, type Stack } from './runner.ts';
import { readStackState, stackPaths, writeStackState, type RunningComponent, type StackState } from './state.ts';
import { handOver } from './up.ts';

/** Stops the stack of the working directory and nothing else; returns how many processes were stopped. Data stays. */
export async function takeDown(cwd: string, say: Say): Promise<number> {
  const state = readState(cwd, say);
  if (state?.supervisor && isAlive(state.supervisor)) await handOver(state.supervisor);
  // Read again: the supervisor may have restarted something meanwhile.
  const latest = readState(cwd, () => undefined);
  const recorded = latest ? await stopRecorded({ cwd, state: latest }, say) : 0;
  const strays = await stopMarked(cwd, latest, say);
  if (latest) {
    delete latest.supervisor;
    writeStackState(cwd, { ...latest, components: [] });
  }
  return recorded + strays;
}

/** Local controllers, then their workers, then the manager; at last the API server before its store, beside Temporal. */
export async function stopRecorded(stack: Stack, say: Say): Promise<number> {
  const running = stack.state.components.filter(isAlive);
  const group = (prefix: string): RunningComponent[] => running.filter(({ name }) => name.split('/')[0] === prefix);
  const stop = async (components: RunningComponent[]): Promise<void> => {
    await Promise.all(
      components.map(async (component) => {
        await stopComponent(stack, component);
        say(`${component.name} stopped`);
      }),
    );
  };
  await stop(group('lc'));
  const workers = await stopWorkers(stack.cwd, stack.state, say);
  await stop(group('gm'));
  await Promise.all([stop(group('temporal')), stop(group('kube-apiserver')).then(() => stop(group('etcd')))]);
  return running.length + workers;
}

/** A local controller leaves its workers running when it ends; they are known by the node folder in their environment. */
async function stopWorkers(cwd: string, state: StackState, say: Say): Promise<number> {
  const workers = state.nodes.flatMap(({ name }) => processesWith('SEDNA_STATE_DIR', stackPaths(cwd).node(name)));
  await stopAll(workers);
  if (workers.length > 0) say(`${workers.length} worker(s) stopped`);
  return workers.length;
}

/** What carries the stack's marker but is in no record. */
async function stopMarked(cwd: string, state: StackState | undefined, say: Say): Promise<number> {
  const strays = processesWith(STACK_MARKER, stackPaths(cwd).dir);
  await stopAll(strays);
  if (strays.length > 0) say(`${strays.length} unrecorded process(es) stopped`);
  return strays.length + (state ? await stopWorkers(cwd, state, say) : 0);
}

async function stopAll(processes: ProcessRef[]): Promise<void> {
  await Promise.all(processes.map((one) => stopProcess(one, 2_000)));
}

function readState(cwd: string, say: Say): StackState | undefined {
  try {
    return readStackState(cwd);
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    say(`${error.message}; stopping what carries the stack's marker`);
    return undefined;
  }
}

/** Removes all that the stack ever wrote: databases, models, logs, keys. */
export function purge(cwd: string): void {
  rmSync(stackPaths(cwd).dir, { recursive: true, force: true });
}
