/** Load and server on a core each (Linux, `taskset`), so that neither takes the other's time. */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { PeerCommand } from '../peers/lines.ts';

const LOAD_CORE = 1;
const SERVER_CORE = 0;

/** Puts this process on its core; false where that cannot be done. */
export function pinThis(): boolean {
  if (availableParallelism() < 2) return false;
  try {
    execFileSync('taskset', ['-acp', String(LOAD_CORE), String(process.pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A command on the core of servers, and with it all that it starts. */
export function pinned({ command, args, env }: PeerCommand, isPinned: boolean): PeerCommand {
  return isPinned
    ? { command: 'taskset', args: ['-c', String(SERVER_CORE), command, ...args], env }
    : { command, args, env };
}
