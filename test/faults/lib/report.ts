/** What a campaign says: a block per seed as it ends, then coverage, then failures with how to replay them. */
import Table from 'cli-table3';
import { writeFileSync } from 'node:fs';
import type { AnyCampaign, AnyFault, Injection, Planned, Result } from './campaign.ts';

export interface SeedResult extends Result<unknown, AnyFault> {
  plan: Planned;
  /** Why it was not played. */
  skipped?: string;
}

export function verdictOf({ skipped, violations }: SeedResult): 'ok' | 'FAIL' | 'skip' {
  if (skipped !== undefined) return 'skip';
  return violations.length === 0 ? 'ok' : 'FAIL';
}

/** One line of numbers, then what was done, then what is wrong. */
export function seedBlock(campaign: AnyCampaign, result: SeedResult): string {
  const { plan, seconds, injections, deeds, violations, skipped } = result;
  const name = plan.seed === 0 ? 'undisturbed' : `seed ${plan.seed}`;
  const numbers = skipped ?? [`${seconds} s`, ...campaign.numbers(result)].join(', ');
  return [
    `${verdictOf(result).padEnd(4)} ${name}, ${plan.scenario}: ${numbers}`,
    ...deeds.map((deed) => `       ${deed}`),
    ...injections.map(
      ({ fault, at, found, hit }) =>
        `       ${at} s: ${campaign.describe(fault)}${hit ? '' : ' (nothing to hit)'}; it was at ${found}`,
    ),
    ...violations.map((violation) => `     ! ${violation}`),
  ].join('\n');
}

export function summary(campaign: AnyCampaign, results: SeedResult[]): string {
  const count = (verdict: string): number => results.filter((result) => verdictOf(result) === verdict).length;
  const failed = results.filter((result) => verdictOf(result) === 'FAIL');
  const injections = results.flatMap((result) => result.injections);
  return [
    `\nFaults by stage in which they hit (${results.length} seeds)`,
    coverage(campaign, injections),
    'Scenarios',
    played(campaign, results),
    ...failed.map(
      (result) =>
        `${seedBlock(campaign, result)}\n       replay: npm run test:faults -- ${campaign.name} --seed ${result.plan.seed}\n`,
    ),
    `${count('ok')} passed, ${failed.length} failed${count('skip') > 0 ? `, ${count('skip')} skipped` : ''}`,
  ].join('\n');
}

function coverage({ kinds, columns, columnOf }: AnyCampaign, injections: Injection[]): string {
  const table = new Table({ head: ['fault', ...columns, 'in all'], style: { head: [], border: [] } });
  for (const [target, action] of kinds) {
    const hits = injections.filter(({ fault, hit }) => hit && fault.target === target && fault.action === action);
    const cells = columns.map((column) => hits.filter(({ found }) => columnOf(found) === column).length || '');
    table.push([`${action} ${target}`, ...cells, hits.length || 'none']);
  }
  return table.toString();
}

function played({ scenarios }: AnyCampaign, results: SeedResult[]): string {
  const table = new Table({ head: ['scenario', 'ok', 'failed', 'skipped'], style: { head: [], border: [] } });
  for (const name of scenarios) {
    const of = results.filter(({ plan }) => plan.scenario === name);
    const count = (verdict: string): number | string => of.filter((one) => verdictOf(one) === verdict).length || '';
    table.push([name, count('ok'), count('FAIL'), count('skip')]);
  }
  return table.toString();
}

/** For machines. */
export function writeReport(file: string, campaign: AnyCampaign, results: SeedResult[]): void {
  const seeds = results.map((result) => ({
    ...result,
    verdict: verdictOf(result),
    ...(result.outcome === undefined ? {} : { outcome: campaign.brief(result.outcome) }),
  }));
  writeFileSync(file, `${JSON.stringify({ campaign: campaign.name, seeds }, null, 2)}\n`);
}
