/** The last line of the index comes in two writes, as from a writer that was killed between them and started again. */
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { indexFile, writeImages } from '../../../examples/incremental-learning/mnist/feed.ts';
import { feedSamples, type Scenario, type Story } from '../lib/story.ts';

/** The first round's samples end in half a line: with it there would be just enough for the trigger. */
export const halfLine: Scenario = {
  async play(story) {
    await story.apply();
    await story.round(1, { feed: () => feedInHalves(story) });
    await story.round(2);
  },
};

async function feedInHalves({ world: { stack }, draw: { cutAt, pauseMs }, did }: Story): Promise<void> {
  const lines = writeImages(stack.data, feedSamples);
  const last = lines.lastIndexOf('\n', lines.length - 2) + 1;
  const cut = last + 1 + Math.floor(cutAt * (lines.length - last - 1));
  appendFileSync(indexFile(stack.data), lines.slice(0, cut));
  await delay(pauseMs);
  appendFileSync(indexFile(stack.data), lines.slice(cut));
  did(`the last ${lines.length - cut} bytes of the index came ${pauseMs} ms late`);
}
