/** Nothing that is flushed reaches a disk, for some seconds: what was not stored is not acknowledged, and is stored later. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasReached, runMs } from '../inject.ts';
import { failingSync, noFailingSync } from '../failing-sync.ts';
import type { Scenario } from './scenario.ts';

const failsMs = 5_000;

export const writeErrors: Scenario = {
  world: ({ volume }) => ({ failing: volume }),
  missing: noFailingSync,
  async play(story) {
    const { world, watcher, draw, did } = story;
    await story.apply();
    story.arm();
    await watcher.until((status) => hasReached(status, draw.round, draw.point), runMs);
    await delay(draw.delayMs);
    const { mend, count } = failingSync(world.stack.cwd);
    did(`fsync fails with EIO on the disk for ${draw.volume}, in round ${draw.round}`);
    await delay(failsMs);
    mend();
    did(`the disk is well again, after ${count()} failures`);
    return story.ended();
  },
};
