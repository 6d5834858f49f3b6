/** An edit in the middle of a round that speaks of later ones: rounds up to there keep what they began with, those after it follow. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasReached, runMs } from '../inject.ts';
import { training } from '../stack.ts';
import { roundOf } from '../status.ts';
import type { Scenario } from './scenario.ts';

/** Late enough that a manager that was cut off has heard of the edit by then: the command takes some rounds. */
const fromRound = 9;
const hearsMs = 30_000;

export const edited: Scenario = {
  changesOutcome: true,
  async play(story) {
    const { watcher, draw } = story;
    await story.apply();
    story.arm();
    await watcher.until((status) => hasReached(status, 1, draw.point), runMs);
    await delay(draw.delayMs);
    await story.apply({ trainingConfig: { ...training, perRound: [{ fromRound, learningRate: 0.01 }] } });
    if (!(await watcher.until(({ observedGeneration }) => observedGeneration >= 2, hearsMs)))
      story.violations.push(`the edit was not observed within ${hearsMs / 1_000} s`);
    const heard = watcher.latest === undefined ? 0 : roundOf(watcher.latest);
    if (heard >= fromRound) story.violations.push(`the edit came only in round ${heard}, of which it speaks`);
    story.did(`edited: another learning rate from round ${fromRound} on`);
    return story.ended();
  },
};
