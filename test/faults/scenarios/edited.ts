/** An edit in the middle of the first round: that round keeps what it began with, the next one follows the edit. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../../deploy/local/wait.ts';
import { trainSamples } from '../../../workflows/lib/samples.ts';
import { passing } from '../lib/inject.ts';
import { feedSamples, type Scenario, type Story } from '../lib/story.ts';

const [before, after] = [0.8, 0.6];
const hearsMs = 30_000;

export const edited: Scenario = {
  changesOutcome: true,
  async play(story) {
    await story.apply();
    await story.round(1, { meanwhile: () => edit(story) });
    // A manager that was cut off hears of the edit when its link is back; the next round is to follow it.
    const heard = await until(async () => ((await story.world.status())?.observedGeneration ?? 0) >= 2, hearsMs);
    if (!heard) story.violations.push(`the edit was not observed within ${hearsMs / 1_000} s`);
    await story.round(2);
    const { stack } = story.world;
    const trained = [1, 2].map((round) => stack.samples(round, 'train').length);
    const should = [trainSamples(0, feedSamples, before), trainSamples(feedSamples, 2 * feedSamples, after)];
    if (trained.join() !== should.join())
      story.violations.push(`rounds trained with ${trained.join(', ')} samples instead of ${should.join(', ')}`);
  },
};

async function edit(story: Story): Promise<void> {
  await passing(story.world, 1, story.draw.point);
  await delay(story.draw.delayMs);
  await story.edit((manifest) =>
    manifest.replace(`trainProb: ${before}`, `trainProb: ${after}`).replace('threshold: 400', 'threshold: 300'),
  );
  story.did(`edited at ${story.draw.point}: trainProb ${before} → ${after}`);
}
