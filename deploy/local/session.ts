import { closeSync, mkdirSync, openSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { endSignals } from './attend.ts';
import type { UpRequest } from './desired.ts';
import { takeDown } from './down.ts';
import { StackError } from './errors.ts';
import { rotateLog } from './files.ts';
import { withLock } from './lock.ts';
import type { Say } from './obtain.ts';
import { isAlive, self } from '../../workers/lib/process.ts';
import { inStackFolder, readStackState, stackPaths, writeStackState, type StackState } from './state.ts';
import { handOver } from './supervisor.ts';
import { bringUp, type Progress, type UpResult } from './up.ts';
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

/** Runs `work` under the stack's lock. `endSignals` meanwhile stop what was started, then end this process with 130. */
async function locked<T>(cwd: string, say: Say, work: () => Promise<T>): Promise<T> {
  if (process.platform === 'win32') {
    const hint = 'run it in the Windows Subsystem for Linux';
    throw new StackError('the local stack needs Linux or macOS', { code: 'NotSupported', hint });
  }
  const paths = stackPaths(cwd);
  inStackFolder(cwd, () => mkdirSync(paths.dir, { recursive: true, mode: 0o700 }));
  let interrupted: Promise<never> | undefined;
  const interrupt = (): void => {
    say('interrupted, stopping what was started');
    interrupted ??= takeDown(cwd, say).then(() => process.exit(130));
  };
  const onWait = ({ pid }: { pid: number }): void => say(`waiting for process ${pid}, which is starting this stack`);
  return withLock(paths.lock, { boundMs: LOCK_BOUND_MS, onWait }, async () => {
    for (const name of endSignals) process.on(name, interrupt);
    try {
      return await work();
    } catch (error) {
      // What fails while everything is being stopped is of no interest.
      if (interrupted) await interrupted;
      throw error;
    } finally {
      for (const name of endSignals) process.off(name, interrupt);
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
