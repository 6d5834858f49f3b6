/** Watches how far a round is, and does to it what the plan says. */
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../../deploy/local/wait.ts';
import type { JobStatus } from '../../support/digits-stack.ts';
import { act } from './act.ts';
import { points, type Fault, type Point } from './plan.ts';
import type { World } from './world.ts';

export const roundMs = 90_000;

export interface Injection {
  fault: Fault;
  /** Seconds after the start of the story. */
  at: number;
  /** Stage condition that the job was in by then. */
  found: string;
  /** False: the target did not run at that moment, nothing was hit. */
  hit: boolean;
}

/** Injects a fault when its point is reached; a point that is passed between two looks counts when a later one is seen. */
export async function inject(world: World, fault: Fault, since: number): Promise<Injection> {
  await passing(world, fault.round, fault.point);
  await delay(fault.delayMs);
  const at = Math.round((performance.now() - since) / 100) / 10;
  const last = (await world.status())?.conditions?.filter(({ stage }) => stage !== undefined).at(-1);
  const found = last === undefined ? 'nobody answers' : `${last.stage}/${last.type}`;
  const hit = await act(world, fault);
  return { fault, at, found, hit };
}

/** Resolves when a round has reached a point, or passed it; after the bound of a round in any case. */
export async function passing(world: World, round: number, point: Point): Promise<void> {
  await until(async () => reached(await world.status(), round, point), roundMs);
}

function reached(status: JobStatus | undefined, round: number, point: Point): boolean {
  if (status === undefined) return false;
  if ((status.lastRound?.round ?? 0) >= round) return true;
  if (status.round < round) return false;
  const stages = (status.conditions ?? [])
    .filter(({ stage }) => stage !== undefined)
    .map(({ stage, type }) => `${stage}/${type}`);
  // The n-th round begins with the n-th Train/Ready; until then what is there is of the rounds before.
  if (stages.filter((stage) => stage === 'Train/Ready').length < round) return false;
  const later = points.slice(points.indexOf(point)) as readonly string[];
  return stages.slice(stages.lastIndexOf('Train/Ready')).some((stage) => later.includes(stage));
}
