import { closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UpRequest } from './desired.ts';
import { stopRecorded, takeDown } from './down.ts';
import { StackError } from './errors.ts';
import { rotateLog } from './files.ts';
import { withLock } from './lock.ts';
import type { Say } from './obtain.ts';
import { isAlive, self, stopProcess } from './process.ts';
import type { Stack } from './runner.ts';
import { readStackState, stackPaths, writeStackState, type StackState } from './state.ts';
import { supervise } from './supervisor.ts';
import { bringUp, handOver, type Progress, type UpResult } from './up.ts';
import { until } from './wait.ts';

/** Another `up` may be building the API server, which takes minutes. */
const LOCK_BOUND_MS = 30 * 60_000;

/** Brings the stack up and leaves a supervisor process of its own behind. */
export async function upDetached(request: UpRequest, say: Say, progress: Progress): Promise<UpResult> {
  return locked(request.cwd, say, async () => {
    const result = await bringUp(request, say, progress);
    if (!result.unchanged) await startSupervisor(request.cwd);
    return result;
  });
}

/** Brings the stack up and makes this process its supervisor. Call `superviseHere` next. */
export async function upAttached(request: UpRequest, say: Say, progress: Progress): Promise<UpResult> {
  return locked(request.cwd, say, async () => {
    const result = await bringUp(request, say, progress);
    const { stack } = result;
    const other = stack.state.supervisor;
    if (other && isAlive(other)) await handOver(other);
    // It may have restarted something up to its end.
    if (result.unchanged) stack.state = readStackState(request.cwd) ?? stack.state;
    stack.state.supervisor = self();
    writeStackState(request.cwd, stack.state);
    return result;
  });
}

/**
 * Restarts what dies until SIGINT or SIGTERM, then stops everything; until SIGUSR2, then leaves everything to the successor.
 * Resolves to what ended it.
 */
export async function superviseHere(stack: Stack, say: Say): Promise<'stopped' | 'handed-over'> {
  const ending = new AbortController();
  let handedOver = false;
  const onHandOver = (): void => {
    handedOver = true;
    ending.abort();
  };
  const onEnd = (): void => ending.abort();
  process.on('SIGUSR2', onHandOver).on('SIGINT', onEnd).on('SIGTERM', onEnd);
  try {
    const end = await supervise(stack, say, ending.signal);
    if (handedOver || end === 'replaced') return 'handed-over';
    await stopRecorded(stack, say);
    delete stack.state.supervisor;
    writeStackState(stack.cwd, stack.state);
    return 'stopped';
  } finally {
    process.off('SIGUSR2', onHandOver).off('SIGINT', onEnd).off('SIGTERM', onEnd);
  }
}

/** `sedna down`: also ends an `up` that is still under way, whose lock is then taken over. */
export async function stopEverything(cwd: string, say: Say): Promise<number> {
  const paths = stackPaths(cwd);
  if (!existsSync(paths.dir)) return 0;
  let interrupted = Promise.resolve(true);
  const onWait = (holder: { pid: number; startedAt: string }): void => {
    say(`stopping process ${holder.pid}, which is starting the stack`);
    interrupted = stopProcess(holder, 2_000);
  };
  const stopped = await withLock(paths.lock, { boundMs: 10_000, onWait }, () => takeDown(cwd, say));
  await interrupted;
  return stopped;
}

/** Runs `work` under the stack's lock. SIGINT and SIGTERM meanwhile stop what was started, then end this process with 130. */
function locked<T>(cwd: string, say: Say, work: () => Promise<T>): Promise<T> {
  const paths = stackPaths(cwd);
  mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  let interrupted: Promise<never> | undefined;
  const interrupt = (): void => {
    say('interrupted, stopping what was started');
    interrupted ??= takeDown(cwd, say).then(() => process.exit(130));
  };
  const onWait = ({ pid }: { pid: number }): void => say(`waiting for process ${pid}, which is starting this stack`);
  return withLock(paths.lock, { boundMs: LOCK_BOUND_MS, onWait }, async () => {
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
    try {
      return await work();
    } catch (error) {
      // What fails while everything is being stopped is of no interest.
      if (interrupted) await interrupted;
      throw error;
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    }
  });
}

async function startSupervisor(cwd: string): Promise<void> {
  const script = new URL(`./supervisor-main${extname(fileURLToPath(import.meta.url))}`, import.meta.url);
  const path = stackPaths(cwd).log('supervisor');
  rotateLog(path);
  const log = openSync(path, 'a', 0o600);
  const child = spawn(process.execPath, [fileURLToPath(script)], { cwd, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  const records = (state: StackState | undefined): boolean => state?.supervisor?.pid === child.pid;
  const giveUp = (): boolean => child.exitCode !== null;
  if (await until(() => records(readStackState(cwd)), 15_000, { giveUp })) return;
  throw new StackError('the supervisor did not start', { code: 'NotReady', hint: `see ${path}` });
}
