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
  losesWork: true,
  async play(story) {
    await story.apply();
    story.arm();
    await fill(story);
    return story.ended();
  },
};

async function fill({ world, watcher, draw, did }: Story): Promise<void> {
  // A trainer of the node has something to lose while it trains.
  const point = draw.volume === 'state' ? 0 : draw.point;
  await watcher.until((status) => hasReached(status, draw.round, point), runMs);
  await delay(draw.delayMs);
  const disk = world.disks[draw.volume];
  if (disk === undefined) throw new Error(`no small disk for ${draw.volume}`);
  did(`the disk for ${draw.volume} is full, in round ${draw.round}`);
  const said = new Set<string>();
  const until = performance.now() + fullMs;
  while (performance.now() < until) {
    // What is removed meanwhile gives no room either.
    disk.fill();
    for (const { reason } of watcher.latest?.clients ?? []) if (reason !== undefined) said.add(reason);
    await delay(100);
  }
  disk.free();
  did(`there is room again; clients said meanwhile: ${[...said].join(', ') || 'nothing'}`);
}
