/** Everything is deleted in the middle of the first training and created again at once under the same names. */
import { setTimeout as delay } from 'node:timers/promises';
import { passing } from '../lib/inject.ts';
import type { Scenario, Story } from '../lib/story.ts';
import { node } from '../lib/world.ts';

export const recreated: Scenario = {
  async play(story) {
    await story.apply();
    await story.round(1, { meanwhile: () => recreate(story) });
    await story.round(2);
    const serving = story.world.stack.workers(node, 'serve.ts').length;
    if (serving !== 1) story.violations.push(`${serving} inference workers run instead of one`);
  },
};

async function recreate(story: Story): Promise<void> {
  const { world } = story;
  await passing(world, 1, 'Train/Ready');
  await delay(story.draw.delayMs);
  // Two objects, one after the other: what the first one served says nothing of the second.
  await story.stopLoad();
  const workers = world.stack.workers(node);
  await story.delete();
  // The file of a Model outlives its object: the second job is to begin with what the first one began with.
  world.stack.resetModels();
  await story.apply();
  const left = workers.filter((before) => world.stack.workers(node).some(({ pid }) => pid === before.pid));
  if (left.length > 0) story.violations.push(`workers of the deleted object run on: ${JSON.stringify(left)}`);
}
