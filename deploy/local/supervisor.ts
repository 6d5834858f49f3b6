import { setTimeout as delay } from 'node:timers/promises';
import { lastLines, rotateOpenLog } from './files.ts';
import type { Say } from './obtain.ts';
import { isAlive, signal, waitForExit, type ProcessRef } from '../../workers/lib/process.ts';
import { startComponent, type Stack } from './runner.ts';
import { readStackState, stackPaths, writeStackState, type RunningComponent } from './state.ts';

const LOOK_EVERY_MS = 200;
/** Once a second. */
const RECORD_EVERY_ROUNDS = 5;
/** Every ten seconds. */
const LOGS_EVERY_ROUNDS = 50;
const BACKOFF_MS = { first: 200, most: 10_000 };
/** A component that ran this long is healthy: its next death counts as the first. */
const HEALTHY_MS = 15_000;

interface Care {
  since: number;
  deaths: number;
  restartAt?: number;
}

/**
 * Restarts what dies until `ending` aborts; a first death within half a second, repeated ones with growing pauses.
 * Resolves to 'replaced' when the record names another supervisor or is gone: whoever did that is in charge now.
 */
export async function supervise(stack: Stack, say: Say, ending: AbortSignal): Promise<'ended' | 'replaced'> {
  const cares = new Map<string, Care>();
  for (let round = 0; !ending.aborted; round++) {
    const dead = stack.state.components.filter((component) => !isAlive(component));
    if ((dead.length > 0 || round % RECORD_EVERY_ROUNDS === 0) && !isInCharge(stack, say)) return 'replaced';
    if (round % LOGS_EVERY_ROUNDS === 0) rotateLogs(stack);
    for (const component of stack.state.components) {
      if (ending.aborted) break;
      await look(stack, component, cares, say);
    }
    await delay(LOOK_EVERY_MS, undefined, { signal: ending }).catch(() => undefined);
  }
  return 'ended';
}

/** They run for months. */
function rotateLogs({ cwd, state }: Stack): void {
  for (const { log } of state.components) rotateOpenLog(log);
  rotateOpenLog(stackPaths(cwd).log('supervisor'));
}

/** Looks into the record; one that cannot be read is written anew. */
function isInCharge(stack: Stack, say: Say): boolean {
  const { supervisor } = stack.state;
  try {
    const recorded = readStackState(stack.cwd)?.supervisor;
    return recorded?.pid === supervisor?.pid && recorded?.startedAt === supervisor?.startedAt;
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}; writing it anew`);
    writeStackState(stack.cwd, stack.state);
    return true;
  }
}

async function look(stack: Stack, component: RunningComponent, cares: Map<string, Care>, say: Say): Promise<void> {
  const now = performance.now();
  const care = cares.get(component.name) ?? { since: now, deaths: 0 };
  cares.set(component.name, care);
  if (isAlive(component)) return;
  if (care.restartAt === undefined) {
    if (now - care.since > HEALTHY_MS) care.deaths = 0;
    const pause = backoff(care.deaths++);
    care.restartAt = now + pause;
    say(`${component.name} (pid ${component.pid}) died; starting it again in ${pause / 1000} s; the end of its log:`);
    for (const line of lastLines(component.log, 3)) say(`    ${line.slice(0, 300)}`);
    return;
  }
  if (now < care.restartAt) return;
  delete care.restartAt;
  care.since = now;
  try {
    const { pid } = await startComponent(stack, component);
    say(`${component.name} runs again (pid ${pid})`);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
}

/** Pause in ms before the restart after `deaths` earlier ones in a row: 200, 400, … 10000. */
export function backoff(deaths: number): number {
  return Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** Math.min(deaths, 16));
}

/** Ends a supervisor but not what it supervises. */
export async function handOver(supervisor: ProcessRef): Promise<void> {
  signal(supervisor, 'SIGUSR2');
  if (await waitForExit(supervisor, 2_000)) return;
  signal(supervisor, 'SIGKILL');
  await waitForExit(supervisor, 2_000);
}
