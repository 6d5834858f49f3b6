/** A disk of the edge is full from some point of a round on, for some seconds: that is said, nothing is lost, it goes on by itself. */
import { setTimeout as delay } from 'node:timers/promises';
import { passing } from '../lib/inject.ts';
import { noSmallDisks } from '../../support/small-disk.ts';
import type { Scenario, Story } from '../lib/story.ts';

/** Two attempts of an activity at least fall into it. */
const fullMs = 6_000;

export const diskFull: Scenario = {
  world: { smallDisks: true },
  missing: noSmallDisks,
  async play(story) {
    await story.apply();
    await story.round(1, { meanwhile: () => fill(story) });
    await story.round(2);
  },
};

async function fill(story: Story): Promise<void> {
  const { world, draw } = story;
  await passing(world, 1, draw.point);
  await delay(draw.delayMs);
  const disk = world.disks[draw.volume];
  if (disk === undefined) throw new Error(`no small disk for ${draw.volume}`);
  disk.fill();
  story.did(`the disk for ${draw.volume} is full, at ${draw.point}`);
  const said = new Set<string>();
  const until = performance.now() + fullMs;
  while (performance.now() < until) {
    const reason = (await world.status())?.waitingFor?.reason;
    if (reason !== undefined) said.add(reason);
    await delay(100);
  }
  disk.free();
  story.did(`there is room again; said meanwhile: ${[...said].join(', ') || 'nothing, the round went on'}`);
}
