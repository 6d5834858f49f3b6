/** Somebody stops the job in the middle of a round and lets it go on: the round is opened again and finds what was accepted. */
import { setTimeout as delay } from 'node:timers/promises';
import { insist } from '../../lib/insist.ts';
import { hasReached, runMs } from '../inject.ts';
import { job, rounds } from '../stack.ts';
import { roundOf } from '../status.ts';
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
  const round = Math.min(draw.round, 3);
  await watcher.until((status) => hasReached(status, round, draw.point), runMs);
  await delay(draw.delayMs);
  await say('stop');
  // Rounds may be quicker than the command: where it was when the word was out is what counts.
  const at = watcher.latest === undefined ? round : roundOf(watcher.latest);
  story.did(`stop was said in round ${round}, and heard in round ${at} at the earliest`);
  if (!(await watcher.until(({ phase }) => phase === 'Stopped' || phase === 'Succeeded', verbMs)))
    story.violations.push(`it was not Stopped within ${verbMs / 1_000} s`);
  if (watcher.latest?.phase === 'Succeeded') {
    if (at < rounds) story.violations.push(`it went on from round ${at} to the end, though it was stopped`);
    return;
  }
  await say('resume');
  story.did('resumed');
}
