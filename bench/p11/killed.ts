import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { signalEntity } from '../../activities/lib/entities.ts';
import { entityId, type EntityRef } from '../../workflows/lib/ids.ts';
import { signals } from '../../workflows/lib/messages.ts';
import type { Case } from '../lib/case.ts';
import { quantile } from '../lib/statistics.ts';
import { BenchTemporal } from '../lib/temporal.ts';
import { idle } from './frame.ts';

/** Fault F1: at 100 jobs. */
const boundMs = 2_000;

type Said = 'ready' | { name: string; at: number };

/**
 * A manager that has idle entities in memory is killed and started again at once; each of them is told something while it is away.
 * From the moment at which the new one asks for work until it does that of each.
 */
export async function killed(code: string, sizes: { kills: number; entities: number }): Promise<Case[]> {
  const temporal = await BenchTemporal.start();
  const bundle = temporal.file('workflows.js');
  writeFileSync(bundle, code);
  const starts = new Map<string, (at: number) => void>();
  const next = (name: string): Promise<number> => new Promise((resolve) => starts.set(name, resolve));
  let manager = await launch(temporal.address, bundle, starts);
  try {
    const refs = Array.from({ length: sizes.entities }, (_, i) => ref(`killed-${i}`));
    for (const each of refs) {
      const first = next(each.name);
      await signalEntity(temporal.client, each, signals.apply, { origin: 'standalone', fields: { run: each.name } });
      await first;
    }
    const taken: number[] = [];
    for (let i = 0; i < sizes.kills; i++) {
      // What it was working on would wait for its own time-out.
      for (const each of refs) await idle(temporal, entityId(each));
      await kill(manager);
      const works = refs.map(({ name }) => next(name));
      const told = refs.map((each) => temporal.client.workflow.getHandle(entityId(each)).signal('trigger'));
      manager = await launch(temporal.address, bundle, starts);
      const ready = Date.now();
      await Promise.all(told);
      for (const at of await Promise.all(works)) taken.push(Math.max(0, at - ready));
    }
    const name = 'manager killed, each entity told: the new one is ready → the activity of each';
    const n = sizes.entities;
    return [
      { name: `${name}, p50`, n, value: quantile(taken, 0.5), unit: 'ms' },
      { name: `${name}, p99`, n, value: quantile(taken, 0.99), unit: 'ms', goal: { atMost: boundMs } },
    ];
  } finally {
    await kill(manager);
    await temporal.close();
  }
}

function ref(name: string): EntityRef {
  return { kind: 'Framed', namespace: 'default', name };
}

async function launch(address: string, bundle: string, starts: Map<string, (at: number) => void>) {
  const manager = fork(fileURLToPath(new URL('manager.ts', import.meta.url)), [address, bundle], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const ready = new Promise<void>((resolve, reject) => {
    manager.once('exit', (code) => reject(new Error(`the manager ended with ${code}`)));
    manager.on('message', (said: Said) => (said === 'ready' ? resolve() : starts.get(said.name)?.(said.at)));
  });
  await ready;
  return manager;
}

async function kill(manager: ChildProcess): Promise<void> {
  if (manager.exitCode !== null || manager.signalCode !== null) return;
  manager.kill('SIGKILL');
  await once(manager, 'exit');
}
