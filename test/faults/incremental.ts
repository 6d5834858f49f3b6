/** Two rounds of the digits example under faults. */
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { pixels } from '../../examples/incremental-learning/mnist/digits.ts';
import { until } from '../../deploy/local/wait.ts';
import { listEntities } from '../../activities/lib/entities.ts';
import type { JobStatus } from '../support/digits-stack.ts';
import { Load, type LoadResult } from './lib/load.ts';
import { outcomeOf, violations, type Outcome } from './lib/outcome.ts';
import type { Fault } from './lib/plan.ts';
import { World } from './lib/world.ts';

const feedSamples = 500;
/** Some seconds of training, so that every point is really hit. */
const epochs = 60;
const roundMs = 90_000;

export interface RunResult {
  outcome?: Outcome;
  load?: LoadResult;
  violations: string[];
  seconds: number;
}

export async function runIncremental(
  seed: number,
  faults: Fault[],
  undisturbed: Outcome | undefined,
): Promise<RunResult> {
  const began = Date.now();
  const world = await World.start(`faults-${seed}`);
  const result: RunResult = { violations: [], seconds: 0 };
  try {
    await apply(world);
    const load = new Load(() => world.endpoint(), pixels);
    load.start();
    for (const round of [1, 2] as const) await runRound(world, round, faults);
    result.load = await load.stop();
    const status = await settled(world);
    result.outcome = await outcomeOf(world, status);
    result.violations = [
      ...violations(result.outcome, undisturbed, result.load),
      ...(await statusAgrees(world, status)),
      ...(await leftovers(world)),
    ];
  } catch (error) {
    const status = await world.status();
    const waits = status?.waitingFor
      ? ` (${status.phase}, waits for ${status.waitingFor.reason}: ${status.waitingFor.message})`
      : '';
    result.violations.push(`${(error as Error).message}${waits}`);
  } finally {
    result.seconds = Math.round((Date.now() - began) / 100) / 10;
    await world.close();
  }
  return result;
}

async function apply(world: World): Promise<void> {
  await world.stack.cli('apply', '-f', world.stack.manifest(epochs));
  const serves = (status: JobStatus | undefined): boolean =>
    status?.conditions.some(({ type, status: holds }) => type === 'Available' && holds === 'True') ?? false;
  if (!(await until(async () => serves(await world.status()), 30_000)))
    throw new Error('it was not Available within 30 s');
}

async function runRound(world: World, round: 1 | 2, faults: Fault[]): Promise<void> {
  const due = faults.filter((fault) => fault.round === round);
  const injected = due.map((fault) => inject(world, fault));
  world.stack.feed(feedSamples);
  const ended = await until(async () => ((await world.status())?.lastRound?.round ?? 0) >= round, roundMs);
  if (!ended) throw new Error(`round ${round} did not end within ${roundMs / 1_000} s`);
  await Promise.all(injected);
}

/** Injects a fault when its point is reached; a point that is passed between two looks counts when a later one is seen. */
async function inject(world: World, fault: Fault): Promise<void> {
  await until(async () => reached(await world.status(), fault), roundMs);
  await delay(fault.delayMs);
  if (fault.action === 'kill') return world.signal(fault.target, 'SIGKILL');
  if (fault.action === 'freeze') {
    world.signal(fault.target, 'SIGSTOP');
    await delay(fault.forMs);
    return world.signal(fault.target, 'SIGCONT');
  }
  const link = world.link(fault.target as 'gm' | 'lc' | 'api');
  link.set(fault.action);
  await delay(fault.forMs);
  link.set('pass');
}

function reached(status: JobStatus | undefined, { round, point }: Fault): boolean {
  if (status === undefined) return false;
  if ((status.lastRound?.round ?? 0) >= round) return true;
  if (status.round < round) return false;
  // Conditions of this round: those since the last time that it waited for a trigger.
  const stages = status.conditions
    .filter(({ stage }) => stage !== undefined)
    .map(({ stage, type }) => `${stage}/${type}`);
  return stages.slice(stages.lastIndexOf('Train/Ready')).includes(point);
}

async function settled(world: World): Promise<JobStatus> {
  let status: JobStatus | undefined;
  const done = await until(async () => {
    status = await world.status();
    return status?.phase === 'Waiting' && status.waitingFor?.reason === 'NoNewSamples';
  }, 60_000);
  if (!done || status === undefined) throw new Error('it did not come to rest within 60 s');
  return status;
}

/** What Kubernetes shows is what the entity says: no late writer has won. */
async function statusAgrees(world: World, status: JobStatus): Promise<string[]> {
  let shown: JobStatus['conditions'] = [];
  const same = await until(async () => {
    try {
      shown = (await world.stack.status()).conditions;
    } catch {
      return false;
    }
    return isDeepStrictEqual(shown, status.conditions);
  }, 30_000);
  return same ? [] : [`the status of the object is not that of its entity: ${JSON.stringify(shown.at(-1))}`];
}

async function leftovers(world: World): Promise<string[]> {
  const found: string[] = [];
  await world.stack.cli('delete', '-f', world.stack.manifest());
  if (!(await until(() => world.stack.workers('edge-1').length === 0, 30_000)))
    found.push('workers are left after the deletion');
  let open: string[] = [];
  const closed = await until(async () => {
    open = (await listEntities(world.client))
      .filter(({ kind }) => kind !== 'Node')
      .map(({ kind, name }) => `${kind}/${name}`);
    return open.length === 0;
  }, 30_000);
  if (!closed) found.push(`workflows are open after the deletion: ${open.join(', ')}`);
  return found;
}
