import { readFileSync, readdirSync } from 'node:fs';
import { stackPaths } from '../../../deploy/local/state.ts';
import { commandLine, startTime, type ProcessRef } from '../../../workers/lib/process.ts';
import type { TcpProxy } from '../lib/proxy.ts';
import { StackWorld } from '../lib/stack-world.ts';
import { preload } from './failing-sync.ts';
import type { volumes } from './plan.ts';
import { aggregator, edgeOf, edges, job, PointsStack } from './stack.ts';
import type { JobStatus } from './status.ts';

type Volume = (typeof volumes)[number];

export interface WorldOptions {
  /** A second global manager beside the one that faults hit. */
  managers?: 1 | 2;
  /** Lies on a disk that is small enough to be filled. */
  disk?: Volume;
  /** Flushes to it can be made to fail. */
  failing?: Volume;
}

/** Scripts of children of local controllers, by what faults call them. */
const children: Partial<Record<string, string[]>> = {
  aggregate: ['aggregate.ts', 'head.ts', 'play-round.ts'],
  judge: ['judge-update.ts'],
};

/** Of the strategy Worker. */
export const ownAggregator = 'sedna-aggregator.ts';

export class PointsWorld extends StackWorld<PointsStack> {
  static start(name: string, { managers = 1, disk, failing }: WorldOptions = {}): Promise<PointsWorld> {
    const stack = new PointsStack(name);
    const controllers = [
      { name: aggregator, node: aggregator, role: 'cloud' as const },
      ...edges.map((edge) => ({ name: edge, node: edge, role: 'edge' as const })),
    ];
    const disks = disk === undefined ? {} : { [disk]: { folder: folderOf(stack, disk), megabytes: 48 } };
    const env = failing === undefined ? {} : preload(stack.cwd, folderOf(stack, failing));
    return new PointsWorld(stack, { controllers, managers, disks, env }).begin();
  }

  override links(name: string): TcpProxy[] {
    return name === 'edges' ? edges.map((edge) => this.link(edge)) : super.links(name);
  }

  override processes(name: string): ProcessRef[] {
    if (name === 'edges') return edges.flatMap((edge) => super.processes(edge));
    if (name === 'trainers') return edges.flatMap((edge) => this.stack.workers(edge, 'train.ts'));
    const [, client] = /^trainer-(\d+)$/.exec(name) ?? [];
    if (client !== undefined) return this.#trainer(Number(client));
    const scripts = children[name];
    if (scripts === undefined) return super.processes(name);
    return [...this.#children(scripts), ...(name === 'aggregate' ? this.stack.workers(aggregator, ownAggregator) : [])];
  }

  #trainer(client: number): ProcessRef[] {
    const name = `train-${String(client).padStart(2, '0')}`;
    return this.stack.workers(edgeOf(client), 'train.ts').filter(({ pid }) => workerName(pid).includes(name));
  }

  #children(scripts: string[]): ProcessRef[] {
    return [aggregator, ...edges].flatMap((node) =>
      super.processes(node).flatMap(({ pid }) =>
        childrenOf(pid)
          .filter((child) => commandLine(child).some((word) => scripts.some((script) => word.endsWith(`/${script}`))))
          .map((child) => ({ pid: child, startedAt: startTime(child) ?? '' })),
      ),
    );
  }

  /** The job's own word, asked of its entity; undefined while nobody can answer. */
  status(): Promise<JobStatus | undefined> {
    return this.view<JobStatus>('FederatedLearningJob', job);
  }
}

function folderOf(stack: PointsStack, volume: Volume): string {
  const paths = stackPaths(stack.cwd);
  return { state: paths.node('edge-1'), cloud: paths.node(aggregator), blobs: paths.blobs }[volume];
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return []; // Gone meanwhile.
  }
}

function workerName(pid: number): string {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return variables.find((variable) => variable.startsWith('WORKER_NAME=')) ?? '';
  } catch {
    return '';
  }
}
