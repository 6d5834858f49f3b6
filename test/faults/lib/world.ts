/** The world of the digits example: one edge that trains and serves. */
import { stackPaths } from '../../../deploy/local/state.ts';
import type { ProcessRef } from '../../../workers/lib/process.ts';
import { DigitsStack, type JobStatus } from '../../support/digits-stack.ts';
import type { volumes } from './plan.ts';
import { StackWorld } from './stack-world.ts';

export const node = 'edge-1';

export type LinkName = 'gm' | 'lc' | 'api';
type Volume = (typeof volumes)[number];

export interface WorldOptions {
  /** A second global manager beside the one that faults hit. */
  managers?: 1 | 2;
  /** What the edge writes to lies on disks that are small enough to be filled. */
  smallDisks?: boolean;
  /** Of manager and local controller, besides what they need; `cwd`: folder of the stack. */
  env?: (cwd: string) => Record<string, string>;
}

const workers: Partial<Record<string, string[]>> = { stage: ['train.ts', 'evaluate.ts'], inference: ['serve.ts'] };

export class World extends StackWorld<DigitsStack> {
  static start(name: string, { smallDisks = false, managers = 1, env }: WorldOptions = {}): Promise<World> {
    const stack = new DigitsStack(name);
    const disks = smallDisks ? disksOf(stack) : {};
    return new World(stack, { controllers: [{ name: 'lc', node }], managers, disks, env: env?.(stack.cwd) }).begin();
  }

  override processes(name: string): ProcessRef[] {
    return workers[name]?.flatMap((word) => this.stack.workers(node, word)) ?? super.processes(name);
  }

  /** The job's own word, asked of its entity; undefined while nobody can answer. */
  status(): Promise<JobStatus | undefined> {
    return this.view<JobStatus>('IncrementalLearningJob', 'digits');
  }

  async endpoint(): Promise<string | undefined> {
    return (await this.status())?.endpoints?.[0]?.url;
  }
}

function disksOf(stack: DigitsStack): Record<Volume, { folder: string; megabytes: number }> {
  const paths = stackPaths(stack.cwd);
  return {
    data: { folder: stack.data, megabytes: 48 },
    state: { folder: paths.node(node), megabytes: 32 },
    blobs: { folder: paths.blobs, megabytes: 32 },
  };
}
