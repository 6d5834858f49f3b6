/** The job is deleted while its node is away: it goes in time, and the node cleans up by itself when it is back. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../../deploy/local/wait.ts';
import { stackPaths } from '../../../deploy/local/state.ts';
import type { Scenario } from '../lib/story.ts';
import { node } from '../lib/world.ts';

const cleanMs = 30_000;

export const deletedWhileAway: Scenario = {
  rounds: 1,
  async play(story) {
    await story.apply();
    await story.round(1);
    await story.settled();
    await story.remember();
    await story.stopLoad();
    const { world } = story;
    world.kept.lc?.hold();
    story.did('the edge is down');
    await story.delete();
    if (world.stack.workers(node).length === 0) story.violations.push('the worker of a node without LC has ended');
    world.kept.lc?.release();
    const files = join(stackPaths(world.stack.cwd).node(node), 'model-hot-update', 'default', 'incrementallearningjob');
    const clean = await until(() => world.stack.workers(node).length === 0 && entries(files).length === 0, cleanMs);
    if (clean) story.did('the edge is back and has removed worker and files');
    else story.violations.push(`worker or files of the deleted job are left on the node after ${cleanMs / 1_000} s`);
  },
};

function entries(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
