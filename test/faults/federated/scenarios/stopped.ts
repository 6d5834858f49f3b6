/** Somebody stops the job in the middle of a round and lets it go on: the round is opened again and finds what was accepted. */
import { setTimeout as delay } from 'node:timers/promises';
import { insist } from '../../lib/insist.ts';
import { hasReached, runMs } from '../inject.ts';
import { job } from '../stack.ts';
import type { Story } from '../story.ts';
import type { Scenario } from './scenario.ts';

const verbMs = 30_000;

export const stopped: Scenario = {
  reopens: true,
  async play(story) {
    await story.apply();
    story.arm();
    await stopAndResume(story);
    return story.ended();
  },
};

async function stopAndResume(story: Story): Promise<void> {
  const { watcher, draw, world } = story;
  watcher.mayLeave = true;
  const say = (verb: string): Promise<void> => insist(() => world.stack.cli(verb, `fl/${job}`), verbMs);
  await watcher.until((status) => hasReached(status, draw.round, draw.point), runMs);
  await delay(draw.delayMs);
  await say('stop');
  story.did(`stopped in round ${draw.round}`);
  if (!(await watcher.until(({ phase }) => phase === 'Stopped' || phase === 'Succeeded', verbMs)))
    story.violations.push(`it was not Stopped within ${verbMs / 1_000} s`);
  await say('resume');
  story.did('resumed');
}
