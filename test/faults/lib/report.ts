/** What a campaign says: a block per seed as it ends, then coverage, then failures with how to replay them. */
import Table from 'cli-table3';
import { writeFileSync } from 'node:fs';
import type { RunResult } from '../incremental.ts';
import type { Injection } from './inject.ts';
import { describeFault, kinds, scenarioNames, type Plan } from './plan.ts';

export interface SeedResult extends RunResult {
  plan: Plan;
  /** Why it was not played. */
  skipped?: string;
}

const stages = ['Train', 'Eval', 'Deploy', 'between'] as const;
type StageColumn = (typeof stages)[number];

export function verdictOf({ skipped, violations }: SeedResult): 'ok' | 'FAIL' | 'skip' {
  if (skipped !== undefined) return 'skip';
  return violations.length === 0 ? 'ok' : 'FAIL';
}

/** One line of numbers, then what was done, then what is wrong. */
export function seedBlock(result: SeedResult): string {
  const { plan, seconds, loads, injections, deeds, violations, skipped } = result;
  const name = plan.seed === 0 ? 'undisturbed' : `seed ${plan.seed}`;
  const [requests, answered] = [sum(loads, 'requests'), sum(loads, 'answered')];
  const [gap, whole] = [longest(loads, 'longestOwnGapMs'), longest(loads, 'longestGapMs')];
  const waits = whole - gap > 500 ? ` (${whole} with waits for a CPU)` : '';
  const numbers = skipped ?? `${seconds} s, ${answered}/${requests} answered, longest gap ${gap} ms${waits}`;
  return [
    `${verdictOf(result).padEnd(4)} ${name}, ${plan.scenario}: ${numbers}`,
    ...deeds.map((deed) => `       ${deed}`),
    ...injections.map(
      ({ fault, at, found, hit }) =>
        `       ${at} s: ${describeFault(fault)}${hit ? '' : ' (nothing to hit)'}; it was at ${found}`,
    ),
    ...violations.map((violation) => `     ! ${violation}`),
  ].join('\n');
}

export function summary(results: SeedResult[]): string {
  const count = (verdict: string): number => results.filter((result) => verdictOf(result) === verdict).length;
  const failed = results.filter((result) => verdictOf(result) === 'FAIL');
  return [
    `\nFaults by stage in which they hit (${results.length} seeds)`,
    coverage(results.flatMap(({ injections }) => injections)),
    'Scenarios',
    played(results),
    ...failed.map(
      (result) =>
        `${seedBlock(result)}\n       replay: npm run test:faults -- incremental --seed ${result.plan.seed}\n`,
    ),
    `${count('ok')} passed, ${failed.length} failed${count('skip') > 0 ? `, ${count('skip')} skipped` : ''}`,
  ].join('\n');
}

function coverage(injections: Injection[]): string {
  const table = new Table({ head: ['fault', ...stages, 'in all'], style: { head: [], border: [] } });
  for (const [target, action] of kinds) {
    const hits = injections.filter(({ fault, hit }) => hit && fault.target === target && fault.action === action);
    const cells = stages.map((stage) => hits.filter(({ found }) => columnOf(found) === stage).length || '');
    table.push([`${action} ${target}`, ...cells, hits.length || 'none']);
  }
  return table.toString();
}

function columnOf(found: string): StageColumn {
  const [stage = ''] = found.split('/');
  if (found === 'Train/Waiting' || !stages.includes(stage as StageColumn)) return 'between';
  return stage as StageColumn;
}

function played(results: SeedResult[]): string {
  const table = new Table({ head: ['scenario', 'ok', 'failed', 'skipped'], style: { head: [], border: [] } });
  for (const name of scenarioNames) {
    const of = results.filter(({ plan }) => plan.scenario === name);
    const count = (verdict: string): number | string => of.filter((one) => verdictOf(one) === verdict).length || '';
    table.push([name, count('ok'), count('FAIL'), count('skip')]);
  }
  return table.toString();
}

function sum<K extends string>(items: Record<K, number>[], key: K): number {
  return items.reduce((total, item) => total + item[key], 0);
}

function longest<K extends string>(items: Record<K, number>[], key: K): number {
  return Math.max(0, ...items.map((item) => item[key]));
}

/** For machines; without sample lists, which are long and equal. */
export function writeReport(file: string, results: SeedResult[]): void {
  const seeds = results.map(({ outcome, ...result }) => ({
    ...result,
    verdict: verdictOf({ outcome, ...result }),
    ...(outcome === undefined
      ? {}
      : {
          outcome: {
            ...outcome,
            rounds: outcome.rounds.map(({ train, eval: judged }) => [train.length, judged.length]),
          },
        }),
  }));
  writeFileSync(file, `${JSON.stringify({ campaign: 'incremental', seeds }, null, 2)}\n`);
}
