/** Watches how far a round is, and does to it what the plan says. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../../deploy/local/wait.ts';
import { act } from '../lib/act.ts';
import type { Injection } from '../lib/campaign.ts';
import { diaries } from './oracle.ts';
import type { Fault, Point } from './plan.ts';
import { collected, roundOf, type JobStatus } from './status.ts';
import type { Watcher } from './watcher.ts';
import type { PointsWorld } from './world.ts';

/** Ten rounds and what is done to them; several times what an idle machine needs. */
export const runMs = 240_000;
/** Children of local controllers are there, and trainers train, for a moment: so long the next one is waited for. */
const childMs = 8_000;

interface Surroundings {
  world: PointsWorld;
  watcher: Watcher;
  /** `performance.now()` at the start of the story. */
  since: number;
}

/** Injects a fault when its point is reached; a point that is passed between two looks counts when a later one is seen. */
export async function inject({ world, watcher, since }: Surroundings, fault: Fault): Promise<Injection<Fault>> {
  await watcher.until((status) => hasReached(status, fault.round, fault.point), runMs);
  await delay(fault.delayMs);
  const target = fault.target === 'trainer' ? `trainer-${fault.client}` : fault.target;
  if (target === 'aggregate' || target === 'judge')
    await until(() => world.processes(target).length > 0, childMs, { everyMs: 5 });
  if (fault.target === 'trainer' || target === 'trainers') {
    const which = target === 'trainers' ? undefined : fault.client;
    await until(() => trains(world.stack.trained, which), childMs, { everyMs: 10 });
    await delay(fault.delayMs);
  }
  const at = Math.round((performance.now() - since) / 100) / 10;
  const found = situation(watcher.latest);
  const hit = await act(world, { ...fault, target });
  return { fault, at, found, hit };
}

function situation(status: JobStatus | undefined): string {
  if (status === undefined) return 'nobody answers';
  const { stage, phase } = status;
  const detail = stage === 'Collecting' ? ` ${collected(status)}` : '';
  return `${stage ?? phase}${detail}, round ${roundOf(status)}`;
}

export function hasReached(status: JobStatus, round: number, point: Point): boolean {
  const at = roundOf(status);
  if (at > round || (status.lastRound?.round ?? 0) >= round) return true;
  if (at < round || status.stage === 'Starting') return false;
  if (typeof point === 'number') return status.stage !== 'Collecting' || collected(status) >= point;
  return point === 'Aggregating' && status.stage === 'Aggregating';
}

/** By what trainers write down: status tells only of trainings that last. */
function trains(folder: string, client: number | undefined): boolean {
  const name = client === undefined ? '' : `train-${String(client).padStart(2, '0')}`;
  return [...diaries(folder)].some(([worker, entries]) => worker.includes(name) && entries.at(-1)?.event === 'begins');
}
