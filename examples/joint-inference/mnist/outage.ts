import { setTimeout as delay } from 'node:timers/promises';
import { readStackState } from '../../../deploy/local/state.ts';
import { commandLine, isAlive, processesWith } from '../../../workers/lib/process.ts';
import { DemoError } from '../../lib/errors.ts';
import type { Narrator } from '../../lib/narrator.ts';

const controller = 'lc/cloud-1';
/** After each but the last one something is told. */
const parts = 3;

/** The cloud's worker is killed, and its controller held so that nobody starts it again; then the controller goes on. */
export async function outage(
  seconds: number,
  narrator: Narrator,
  { signal, meanwhile }: { signal: AbortSignal; meanwhile: () => void },
): Promise<void> {
  const component = readStackState(process.cwd())?.components.find(({ name }) => name === controller);
  if (component === undefined || !isAlive(component)) {
    throw new DemoError(`${controller} does not run, so it cannot be held`, { awaited: controller });
  }
  const workers = processesWith('LC_SERVER', (server) => server.endsWith(`:${component.port}`)).filter(({ pid }) =>
    commandLine(pid).some((part) => part.includes('ready-made/big-model')),
  );
  if (workers.length === 0) throw new DemoError('the big model’s worker does not run', { awaited: 'its process' });
  narrator.command(`kill -STOP ${component.pid}   # ${controller}`);
  process.kill(component.pid, 'SIGSTOP');
  try {
    for (const { pid } of workers) {
      narrator.command(`kill -9 ${pid}   # the big model`);
      process.kill(pid, 'SIGKILL');
    }
    for (let part = 0; part < parts; part++) {
      if (part > 0) meanwhile();
      await delay((seconds * 1_000) / parts, undefined, { signal });
    }
  } finally {
    narrator.command(`kill -CONT ${component.pid}   # ${controller}`);
    process.kill(component.pid, 'SIGCONT');
  }
}
