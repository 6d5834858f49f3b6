import type { Scenario } from './scenario.ts';

export const tenRounds: Scenario = {
  async play(story) {
    await story.apply();
    story.arm();
    return story.ended();
  },
};
