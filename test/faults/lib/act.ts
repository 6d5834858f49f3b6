import { setTimeout as delay } from 'node:timers/promises';
import type { StackWorld } from './stack-world.ts';

/** Actions on links take away the target's: GM's and LCs' to Temporal, or GM's to the API server. */
export const actions = ['kill', 'freeze', 'cut', 'hang', 'lose', 'late'] as const;
export type Action = (typeof actions)[number];

export interface Deed {
  target: string;
  action: Action;
  /** How long all but kill last. */
  forMs: number;
}

/** False: the target did not run at that moment, nothing was hit. */
export async function act(world: StackWorld, { target, action, forMs }: Deed): Promise<boolean> {
  if (action === 'kill') return world.signal(target, 'SIGKILL') > 0;
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
