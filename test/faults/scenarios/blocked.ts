/** The event loop of the edge's local controller stands still for longer than heartbeats may be missing: nothing is started again for it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../../deploy/local/files.ts';
import { passing } from '../lib/inject.ts';
import type { Scenario, Story } from '../lib/story.ts';

/** Below, and above, the 10 s after which an activity without heartbeat is given to somebody else. */
const blocks = { 1: 6_000, 2: 14_000 } as const;
const file = (cwd: string): string => join(cwd, 'block-ms');

export const blocked: Scenario = {
  world: {
    env: (cwd) => ({
      NODE_OPTIONS: `--require ${join(packageRoot(), 'test/faults/lib/block.cjs')}`,
      BLOCK_FILE: file(cwd),
    }),
  },
  alone: true,
  async play(story) {
    await story.apply();
    await story.round(1, { meanwhile: () => block(story, 1) });
    await story.round(2, { meanwhile: () => block(story, 2) });
  },
};

async function block({ world, draw, did, violations }: Story, round: 1 | 2): Promise<void> {
  await passing(world, round, draw.point);
  await delay(draw.delayMs);
  const pids = (name: string): number[] => world.processes(name).map(({ pid }) => pid);
  const before = { lc: pids('lc'), inference: pids('inference'), stage: pids('stage') };
  writeFileSync(file(world.stack.cwd), String(blocks[round]));
  world.signal('lc', 'SIGUSR2');
  await delay(blocks[round] + 2_000);
  did(`round ${round}, ${draw.point}: the local controller was busy for ${blocks[round]} ms`);
  for (const name of ['lc', 'inference'] as const)
    if (pids(name).join() !== before[name].join()) violations.push(`${name} was started again while it was busy`);
  // One that has ended is not there any more; one that is there is the same.
  if (before.stage.length > 0 && world.stack.workers('edge-1', 'train.ts').length > 1)
    violations.push('a training was started beside the first one');
}
