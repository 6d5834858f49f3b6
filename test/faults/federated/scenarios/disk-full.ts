/** A disk is full from some point of a round on, for some seconds: that is said, nothing is lost, it goes on by itself. */
import { setTimeout as delay } from 'node:timers/promises';
import { noSmallDisks } from '../../../support/small-disk.ts';
import { hasReached, runMs } from '../inject.ts';
import type { Story } from '../story.ts';
import type { Scenario } from './scenario.ts';

/** Two attempts of an activity at least fall into it. */
const fullMs = 5_000;

export const diskFull: Scenario = {
  world: ({ volume }) => ({ disk: volume }),
  missing: noSmallDisks,
  async play(story) {
    await story.apply();
    story.arm();
    await fill(story);
    return story.ended();
  },
};

async function fill({ world, watcher, draw, did }: Story): Promise<void> {
  await watcher.until((status) => hasReached(status, draw.round, draw.point), runMs);
  await delay(draw.delayMs);
  const disk = world.disks[draw.volume];
  if (disk === undefined) throw new Error(`no small disk for ${draw.volume}`);
  disk.fill();
  did(`the disk for ${draw.volume} is full, in round ${draw.round}`);
  await delay(fullMs);
  const said = new Set((watcher.latest?.clients ?? []).map(({ reason }) => reason).filter(Boolean));
  disk.free();
  did(`there is room again; clients said meanwhile: ${[...said].join(', ') || 'nothing'}`);
}
