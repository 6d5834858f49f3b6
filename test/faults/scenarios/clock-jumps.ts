/** The wall clock of manager and local controller jumps by an hour, forwards in one round and backwards in the next one. */
import { setTimeout as delay } from 'node:timers/promises';
import { clockEnvironment, noClock, setClock } from '../lib/clock.ts';
import { passing } from '../lib/inject.ts';
import type { Scenario, Story } from '../lib/story.ts';

/** Within the validity of certificates that were made when the stack started. */
const hour = 3_500;

export const clockJumps: Scenario = {
  world: { env: clockEnvironment },
  missing: noClock,
  async play(story) {
    await story.apply();
    await story.round(1, { meanwhile: () => jump(story, 1, hour) });
    await story.round(2, { meanwhile: () => jump(story, 2, -hour) });
    setClock(story.world.stack.cwd, 0);
    story.did('the clock is right again');
  },
};

async function jump({ world, draw, did }: Story, round: 1 | 2, seconds: number): Promise<void> {
  await passing(world, round, draw.point);
  await delay(draw.delayMs);
  setClock(world.stack.cwd, seconds);
  did(`round ${round}, ${draw.point}: the clock is ${seconds} s fast`);
}
