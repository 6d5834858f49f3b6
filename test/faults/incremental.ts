/** One seed: the digits example in a world of its own, a scenario, its faults, and the oracle over what is left. */
import { isDeepStrictEqual } from 'node:util';
import { until } from '../../deploy/local/wait.ts';
import { listEntities } from '../../activities/lib/entities.ts';
import type { JobStatus } from '../support/digits-stack.ts';
import type { Injection } from './lib/inject.ts';
import type { LoadResult } from './lib/load.ts';
import { difference, outcomeOf, servingViolations, violations, type Outcome } from './lib/outcome.ts';
import type { Plan } from './lib/plan.ts';
import { brokenHistories, describeBroken } from './lib/replay.ts';
import { Story, type Scenario } from './lib/story.ts';
import { node, World } from './lib/world.ts';
import { scenarios } from './scenarios/index.ts';

const leftoverMs = 30_000;
/** The server reports a task that fails again and again, the healer looks every 15 s. */
const healMs = 120_000;

export interface RunResult {
  outcome?: Outcome;
  loads: LoadResult[];
  injections: Injection[];
  deeds: string[];
  violations: string[];
  seconds: number;
}

export async function runIncremental(plan: Plan, undisturbed: Outcome | undefined): Promise<RunResult> {
  const began = performance.now();
  const result: RunResult = { loads: [], injections: [], deeds: [], violations: [], seconds: 0 };
  const scenario = scenarios[plan.scenario];
  let world: World | undefined;
  try {
    world = await World.start(`faults-${plan.seed}`, scenario.world);
    const story = new Story(world, plan.draw, scenario.alone === true ? [] : plan.faults);
    Object.assign(result, { injections: story.injections, deeds: story.deeds, loads: story.loads });
    await play(scenario, story, result, undisturbed);
  } catch (error) {
    result.violations.push(`${(error as Error).message}${await situation(world)}`);
  } finally {
    await world?.close();
    result.seconds = Math.round((performance.now() - began) / 100) / 10;
  }
  return result;
}

async function play(
  scenario: Scenario,
  story: Story,
  result: RunResult,
  undisturbed: Outcome | undefined,
): Promise<void> {
  const { world } = story;
  await scenario.play(story);
  await story.stopLoad();
  // A scenario that has deleted everything has remembered what there was.
  const status = story.outcome === undefined ? await story.settled() : undefined;
  const outcome = story.outcome ?? (await outcomeOf(world, status as JobStatus));
  result.outcome = outcome;
  result.violations.push(
    ...story.violations,
    ...violations(outcome, undisturbed),
    ...story.loads.flatMap((load) => servingViolations(outcome, load)),
    ...(status === undefined ? [] : await statusAgrees(world, outcome)),
    ...(await leftovers(story, (await breakOpen(story)) ? healMs : leftoverMs)),
    ...(await historyViolations(story)),
  );
}

async function situation(world: World | undefined): Promise<string> {
  const status = await world?.status();
  if (status === undefined) return '';
  const { phase, waitingFor } = status;
  return ` (${phase}${waitingFor ? `, waits for ${waitingFor.reason}: ${waitingFor.message}` : ''})`;
}

/** What Kubernetes shows is what the entities say: no late writer has won. Both are asked anew: serving may only just have come back. */
async function statusAgrees(world: World, { versions }: Outcome): Promise<string[]> {
  const { stack } = world;
  let [shown, said]: unknown[] = [];
  const same = await until(async () => {
    try {
      said = [(await world.status())?.conditions, versions.map(({ stage }) => stage)];
      const [job, model] = [await stack.status(), await stack.status('digits-deployed', 'model')];
      shown = [job.conditions, stagesOfVersions(model)];
    } catch (error) {
      shown = (error as Error).message;
    }
    return isDeepStrictEqual(shown, said);
  }, leftoverMs);
  if (same) return [];
  const where = difference(JSON.stringify(shown), JSON.stringify(said));
  return [`Kubernetes does not show what the entities say: ${where}`];
}

function stagesOfVersions(model: unknown): string[] {
  return (model as { versions: { stage: string }[] }).versions.map(({ stage }) => stage);
}

/** A history that the SDK has spoilt hurts a manager that has to go through it: it gets to. True: the healer has work. */
async function breakOpen(story: Story): Promise<boolean> {
  const { world } = story;
  const broken = await brokenHistories(world, 'ExecutionStatus = "Running"');
  for (const { workflowId, isLostTask } of broken)
    if (isLostTask)
      story.did(`the history of ${workflowId} is spoilt by a lost task: the manager dies, and must repeat it`);
  if (!broken.some(({ isLostTask }) => isLostTask)) return false;
  world.signal('gm', 'SIGKILL');
  return true;
}

/** A workflow that has ended is never gone through again: one that was spoilt by a lost task has done its work. */
async function historyViolations(story: Story): Promise<string[]> {
  const broken = await brokenHistories(story.world);
  for (const { workflowId, isLostTask } of broken)
    if (isLostTask) story.did(`the history of ${workflowId}, which has ended, was spoilt by a lost task`);
  return broken.filter(({ isLostTask }) => !isLostTask).map(describeBroken);
}

async function leftovers(story: Story, boundMs: number): Promise<string[]> {
  const { world } = story;
  const found: string[] = [];
  await story.delete(boundMs);
  if (!(await until(() => world.stack.workers(node).length === 0, boundMs)))
    found.push('workers are left after the deletion');
  let open: string[] = [];
  const closed = await until(async () => {
    open = (await listEntities(world.client))
      .filter(({ kind }) => kind !== 'Node')
      .map(({ kind, name }) => `${kind}/${name}`);
    return open.length === 0;
  }, boundMs);
  if (!closed) found.push(`workflows are open after the deletion: ${open.join(', ')}`);
  return found;
}
