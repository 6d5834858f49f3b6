import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isReady, type Component } from '../../deploy/local/component.ts';
import { takeDown } from '../../deploy/local/down.ts';
import { lastLines, writeAtomic } from '../../deploy/local/files.ts';
import { isAlive, launchDetached, self, stopProcess, type ProcessRef } from '../../workers/lib/process.ts';
import { stackPaths } from '../../deploy/local/state.ts';
import { until } from '../../deploy/local/wait.ts';

const PREFIX = 'sedna-test-run-';
/** Of the run, see test/main.ts. */
const inherited = ['PATH', 'NODE_COMPILE_CACHE', 'GOGC', 'GODEBUG'];

/** The folder of one `npm test`: every server that it starts is noted there, so that the teardown ends them by pid. */
export function createRun(): string {
  sweepDeadRuns();
  const dir = mkdtempSync(join(tmpdir(), PREFIX));
  mkdirSync(join(dir, 'processes'));
  writeAtomic(join(dir, 'owner.json'), JSON.stringify(self()));
  return dir;
}

/** Starts a server for the run and waits until it serves; throws with the end of its log when it does not. */
export async function startServer(dir: string, component: Component, boundMs = 60_000): Promise<ProcessRef> {
  const log = join(dir, `${component.name}.log`);
  const ref = await launchDetached({
    command: component.command,
    args: component.args,
    cwd: dir,
    env: { ...kept(inherited), HOME: dir, TZ: 'UTC', ...component.env },
    log,
  });
  writeAtomic(join(dir, 'processes', `${component.name}.json`), JSON.stringify(ref));
  const ready = await until(() => isReady(component.ready), boundMs, { giveUp: () => !isAlive(ref) });
  if (!ready) throw new Error(`${component.name} did not start:\n${lastLines(log, 20).join('\n')}`);
  return ref;
}

export async function endRun(dir: string): Promise<void> {
  for (const name of readdirSync(dir)) {
    if (existsSync(stackPaths(join(dir, name)).dir)) await takeDown(join(dir, name), () => undefined);
  }
  const names = readdirSync(join(dir, 'processes'));
  // The API server before etcd, or it waits for its store.
  for (const name of names.sort().reverse()) {
    const ref = JSON.parse(readFileSync(join(dir, 'processes', name), 'utf8')) as ProcessRef;
    await stopProcess(ref, name.startsWith('temporal') ? 3_000 : 1_000);
  }
  rmSync(dir, { recursive: true, force: true });
}

/** Ends the servers of runs that were killed. */
function sweepDeadRuns(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const dir = join(tmpdir(), name);
    try {
      const owner = JSON.parse(readFileSync(join(dir, 'owner.json'), 'utf8')) as ProcessRef;
      if (!isAlive(owner)) endRun(dir).catch(() => undefined);
    } catch {
      // Being created or removed by another run.
    }
  }
}

function kept(names: string[]): Record<string, string> {
  const found = names.map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined);
  return Object.fromEntries(found) as Record<string, string>;
}
