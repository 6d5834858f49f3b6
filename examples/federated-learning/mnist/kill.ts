import { readStackState } from '../../../deploy/local/state.ts';
import { isAlive } from '../../../workers/lib/process.ts';
import { DemoError } from '../../lib/errors.ts';
import type { Narrator } from '../../lib/narrator.ts';

/** Kills a component of the stack without warning; `sedna up` starts it again. */
export async function kill(name: string, narrator: Narrator): Promise<void> {
  const component = readStackState(process.cwd())?.components.find((known) => known.name === name);
  if (component === undefined || !isAlive(component)) {
    throw new DemoError(`${name} does not run, so it cannot be killed`, { awaited: name });
  }
  narrator.command(`kill -9 ${component.pid}   # ${name}`);
  process.kill(component.pid, 'SIGKILL');
}
