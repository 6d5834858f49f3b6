/** Nothing that is flushed reaches the disk of the blob store, for some seconds: what was not stored is not acknowledged, and is stored later. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../../../deploy/local/wait.ts';
import { hasReached, runMs } from '../inject.ts';
import { failingSync, noFailingSync } from '../failing-sync.ts';
import type { Scenario } from './scenario.ts';

const failsMs = 5_000;
/** Other faults may stop all who write for a while. */
const firstMs = 60_000;

export const writeErrors: Scenario = {
  world: () => ({ failing: 'blobs' }),
  missing: noFailingSync,
  async play(story) {
    const { world, watcher, draw, did } = story;
    await story.apply();
    story.arm();
    await watcher.until((status) => hasReached(status, draw.round, draw.point), runMs);
    await delay(draw.delayMs);
    const { mend, count } = failingSync(world.stack.cwd);
    did(`fsync fails with EIO on the disk for blobs, in round ${draw.round}`);
    if (!(await until(() => count() > 0, firstMs))) story.violations.push('nothing was flushed to the failing disk');
    await delay(failsMs);
    did(`the disk is well again, after ${mend()} failures`);
    return story.ended();
  },
};
