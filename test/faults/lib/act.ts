import { setTimeout as delay } from 'node:timers/promises';
import type { StackWorld } from './stack-world.ts';

/** Actions on links take away the target's: GM's and LCs' to Temporal, or GM's to the API server. */
export const actions = ['kill', 'crash', 'freeze', 'cut', 'hang', 'lose', 'late'] as const;
export type Action = (typeof actions)[number];

/** A crash is how native code dies: by a signal of its own, which the process could have caught. */
const deaths = { kill: 'SIGKILL', crash: 'SIGSEGV' } as const;

export function isDeath(action: Action): action is keyof typeof deaths {
  return action in deaths;
}

export interface Deed {
  target: string;
  action: Action;
  /** How long all but kill and crash last. */
  forMs: number;
}

/** False: the target did not run at that moment, nothing was hit. */
export async function act(world: StackWorld, { target, action, forMs }: Deed): Promise<boolean> {
  if (isDeath(action)) return world.signal(target, deaths[action]) > 0;
  if (action === 'freeze') {
    const hit = world.signal(target, 'SIGSTOP') > 0;
    await delay(forMs);
    world.signal(target, 'SIGCONT');
    return hit;
  }
  const links = world.links(target);
  for (const link of links) link.set(action);
  await delay(forMs);
  for (const link of links) link.set('pass');
  return true;
}
