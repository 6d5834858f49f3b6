/** One seed: eight clients in a world of their own, a scenario, its faults, and the oracle over what is left. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../../deploy/local/wait.ts';
import { stackPaths } from '../../../deploy/local/state.ts';
import type { Result } from '../lib/campaign.ts';
import { brokenHistories, describeBroken } from '../lib/replay.ts';
import { runHistories, type RunHistory } from './history.ts';
import {
  aggregatesAreMeans,
  askedAgain,
  countsOf,
  diaries,
  ofAccepted,
  roundsInOrder,
  trainedInVain,
  trainedTwice,
  type Counts,
} from './oracle.ts';
import { differences, type Outcome } from './outcome.ts';
import type { Fault, Plan } from './plan.ts';
import { scenarios } from './scenarios/index.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { aggregator, edges, rounds } from './stack.ts';
import { Story } from './story.ts';
import { ownAggregator, PointsWorld } from './world.ts';

const leftoverMs = 30_000;

export interface FederatedResult extends Result<Outcome, Fault> {
  counts?: Counts;
}

export async function runFederated(plan: Plan, undisturbed: Outcome | undefined): Promise<FederatedResult> {
  const began = performance.now();
  const result: FederatedResult = { injections: [], deeds: [], violations: [], seconds: 0 };
  const scenario = scenarios[plan.scenario];
  let world: PointsWorld | undefined;
  let story: Story | undefined;
  try {
    world = await PointsWorld.start(`faults-federated-${plan.seed}`, scenario.world?.(plan.draw));
    story = new Story(world, plan.draw, plan.faults);
    Object.assign(result, { injections: story.injections, deeds: story.deeds });
    await play(scenario, story, result, undisturbed);
  } catch (error) {
    result.violations.push(`${(error as Error).message}${situation(story)}`);
  } finally {
    await story?.watcher.stop();
    await world?.close();
    result.seconds = Math.round((performance.now() - began) / 100) / 10;
  }
  return result;
}

async function play(
  scenario: Scenario,
  story: Story,
  result: FederatedResult,
  undisturbed: Outcome | undefined,
): Promise<void> {
  const { world, watcher } = story;
  const { rounds: should = rounds, judge = meansOfAccepted } = scenario;
  const status = await scenario.play(story);
  const outcome = (result.outcome = await story.outcome(status));
  if (status.phase !== 'Succeeded')
    result.violations.push(`it is ${status.phase}: ${status.waitingFor?.message ?? ''}`);
  if (undisturbed !== undefined && !scenario.isOpen) result.violations.push(...differences(outcome, undisturbed));
  result.violations.push(...(await story.statusAgrees()));
  await watcher.stop();
  const histories = await runHistories(world.client);
  const books = diaries(world.stack.trained);
  result.counts = countsOf(books);
  result.violations.push(
    ...story.violations,
    ...watcher.violations,
    // Of an object that was deleted, as many as there were.
    ...histories.flatMap((history, i) => roundsInOrder(history, i === histories.length - 1 ? should : undefined)),
    ...histories.flatMap((history) => (scenario.reopens ? [] : askedAgain(history))),
    ...trainedInVain(books),
    ...(scenario.losesWork ? [] : trainedTwice(books)),
    ...(await Promise.all(histories.map((history) => judge(history, story)))).flat(),
    ...(await leftovers(story)),
    ...(await historyViolations(story)),
  );
}

async function meansOfAccepted(history: RunHistory): Promise<string[]> {
  return [...ofAccepted(history), ...(await aggregatesAreMeans(history))];
}

function situation(story: Story | undefined): string {
  const status = story?.watcher.latest;
  if (status === undefined) return '';
  const { phase, round, stage, waitingFor } = status;
  const why = waitingFor ? `, waits for ${waitingFor.reason}: ${waitingFor.message}` : '';
  return ` (${phase}, round ${round}, ${stage ?? ''}${why})`;
}

/** A workflow that was spoilt by a lost task, and has done its work all the same, is told of and not blamed. */
async function historyViolations({ world, did }: Story): Promise<string[]> {
  const broken = await brokenHistories(world);
  for (const { workflowId, isLostTask } of broken)
    if (isLostTask) did(`the history of ${workflowId}, which has ended, was spoilt by a lost task`);
  return broken.filter(({ isLostTask }) => !isLostTask).map(describeBroken);
}

/** After the deletion nothing is left: no worker, no open workflow, no file of a task. */
async function leftovers(story: Story): Promise<string[]> {
  const { world } = story;
  const { stack } = world;
  await story.delete();
  const nodes = [aggregator, ...edges];
  const found: string[] = [];
  if (!(await until(() => nodes.every((node) => stack.workers(node, 'train.ts').length === 0), leftoverMs)))
    found.push('trainers are left after the deletion');
  if (!(await until(() => stack.workers(aggregator, ownAggregator).length === 0, leftoverMs)))
    found.push('the aggregator is left after the deletion');
  let open: string[] = [];
  const closed = await until(async () => {
    open = [];
    for await (const { workflowId } of world.client.workflow.list({ query: 'ExecutionStatus = "Running"' }))
      if (!workflowId.startsWith('sedna/node/')) open.push(workflowId);
    return open.length === 0;
  }, leftoverMs);
  if (!closed) found.push(`workflows are open after the deletion: ${open.join(', ')}`);
  const tasks = (node: string): string[] => entries(join(stackPaths(stack.cwd).node(node), 'tasks'));
  if (!(await until(() => nodes.every((node) => tasks(node).length === 0), leftoverMs)))
    found.push('files of tasks are left after the deletion');
  return found;
}

function entries(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
