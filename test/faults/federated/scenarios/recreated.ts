/** Everything is deleted in the middle of a round and created again at once under the same names: it begins anew and ends the same. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasReached, runMs } from '../inject.ts';
import type { Scenario } from './scenario.ts';

export const recreated: Scenario = {
  async play(story) {
    const { world, watcher, draw } = story;
    await story.apply();
    const early = Math.min(draw.round, 3);
    await watcher.until((status) => hasReached(status, early, draw.point), runMs);
    await delay(draw.delayMs);
    const trainers = world.processes('trainers');
    story.did(`deleted in round ${early}`);
    await watcher.blind(async () => {
      await story.delete();
      await story.apply();
    });
    story.arm();
    const status = await story.ended();
    const left = world.processes('trainers').filter(({ pid }) => trainers.some((before) => before.pid === pid));
    if (left.length > 0) story.violations.push(`trainers of the deleted job run on: ${JSON.stringify(left)}`);
    return status;
  },
};
