import { rmSync, statSync } from 'node:fs';
import { StackError } from './errors.ts';
import { unlessNoRoom } from './files.ts';
import { withLock } from './lock.ts';
import type { Say } from './obtain.ts';
import { isAlive, stopProcess } from '../../workers/lib/process.ts';
import { markedProcesses, stopComponent, type Stack } from './runner.ts';
import { readStackState, stackPaths, writeStackState, type RunningComponent, type StackState } from './state.ts';
import { handOver } from './supervisor.ts';
import { stopAll, stopWorkers, stopWorkersIn } from './workers.ts';

/** Stops the stack of the working directory and nothing else; returns how many processes were stopped. Data stays. */
export async function takeDown(cwd: string, say: Say): Promise<number> {
  const state = readState(cwd, say);
  if (state?.supervisor && isAlive(state.supervisor)) await handOver(state.supervisor);
  // Read again: the supervisor may have restarted something meanwhile.
  const latest = readState(cwd, () => undefined);
  const folders = nodeFolders(latest);
  const recorded = latest ? await stopRecorded({ cwd, state: latest }, say) : 0;
  const strays = (await stopMarked(cwd, say)) + (await stopWorkersIn(folders, say));
  if (latest) {
    delete latest.supervisor;
    unlessNoRoom(() => writeStackState(cwd, { ...latest, components: [] }));
  }
  return recorded + strays;
}

/** Controllers and manager, then the workers that controllers leave behind; at last the API server before its store, beside Temporal. */
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
  await Promise.all([stop(group('lc')), stop(group('gm'))]);
  const workers = await stopWorkers(stack.cwd, undefined, say);
  await Promise.all([stop(group('temporal')), stop(group('kube-apiserver')).then(() => stop(group('etcd')))]);
  return running.length + workers;
}

/** Where its controllers keep what is theirs: elsewhere than now when the stack was moved while it ran. */
function nodeFolders(state: StackState | undefined): Set<string> {
  const folders = (state?.components ?? []).map(({ env }) => env['SEDNA_STATE_DIR']);
  return new Set(folders.filter((folder) => folder !== undefined));
}

/** What carries the stack's marker but is in no record. */
async function stopMarked(cwd: string, say: Say): Promise<number> {
  const strays = markedProcesses(cwd);
  await stopAll(strays);
  if (strays.length > 0) say(`${strays.length} unrecorded process(es) stopped`);
  return strays.length + (await stopWorkers(cwd, undefined, say));
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

/** `sedna down`: also ends an `up` that is still under way, whose lock is then taken over. */
export async function stopEverything(cwd: string, say: Say): Promise<number> {
  const paths = stackPaths(cwd);
  // Somebody has removed the folder, or put a file there; what was started from it may run all the same.
  if (!statSync(paths.dir, { throwIfNoEntry: false })?.isDirectory()) return stopMarked(cwd, say);
  let interrupted = Promise.resolve(true);
  const onWait = (holder: { pid: number; startedAt: string }): void => {
    say(`stopping process ${holder.pid}, which is starting the stack`);
    interrupted = stopProcess(holder, 2_000);
  };
  const options = { boundMs: 10_000, onWait, withoutRoom: 'go on' } as const;
  const stopped = await withLock(paths.lock, options, () => takeDown(cwd, say));
  await interrupted;
  return stopped;
}
