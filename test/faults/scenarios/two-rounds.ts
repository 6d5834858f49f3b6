import type { Scenario } from '../lib/story.ts';

export const twoRounds: Scenario = {
  async play(story) {
    await story.apply();
    await story.round(1);
    await story.round(2);
  },
};
