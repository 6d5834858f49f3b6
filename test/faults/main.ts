/**
 * `npm run test:faults -- incremental [--seeds N [--from S]] [--seed S] [--report FILE]`: the real stack under kills, freezes, links
 * that are cut, hang, lose answers or are late, and scenarios around them. The undisturbed run comes first, each seed is compared
 * with it. `--seed S` replays one; `--report` writes all that is known of the campaign as JSON. Exit code 1: a seed failed.
 */
import { parseArgs } from 'node:util';
import { runIncremental } from './incremental.ts';
import { afterFirstRound, type Outcome } from './lib/outcome.ts';
import { plan, type Plan, type ScenarioName } from './lib/plan.ts';
import { seedBlock, summary, verdictOf, writeReport, type SeedResult } from './lib/report.ts';
import { scenarios } from './scenarios/index.ts';

const { values, positionals } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    report: { type: 'string' },
  },
  allowPositionals: true,
});
const [campaign = 'incremental'] = positionals;
if (campaign !== 'incremental') fail(`there is no campaign ${campaign}; campaigns: incremental`);

const seeds =
  values.seed === undefined
    ? Array.from({ length: wholeNumber('seeds', values.seeds) }, (_, i) => i + wholeNumber('from', values.from))
    : [wholeNumber('seed', values.seed)];

const references = new Map<ScenarioName, Outcome>();
const results: SeedResult[] = [];
for (const seed of seeds) {
  const result = await runSeed(plan(seed));
  results.push(result);
  console.log(seedBlock(result));
  if (values.report !== undefined) writeReport(values.report, results);
}
console.log(summary(results));
process.exit(results.some((result) => verdictOf(result) === 'FAIL') ? 1 : 0);

async function runSeed(planned: Plan): Promise<SeedResult> {
  const { scenario } = planned;
  const skipped = scenarios[scenario].missing?.();
  if (skipped !== undefined)
    return { plan: planned, loads: [], injections: [], deeds: [], violations: [], seconds: 0, skipped };
  const { rounds = 2, changesOutcome = false } = scenarios[scenario];
  const undisturbed = await reference(planned, changesOutcome ? scenario : 'two rounds');
  const should = rounds === 2 ? undisturbed : afterFirstRound(undisturbed);
  return { plan: planned, ...(await runIncremental(planned, should)) };
}

/** Played once per campaign; without it nothing can be compared. */
async function reference(planned: Plan, scenario: ScenarioName): Promise<Outcome> {
  const known = references.get(scenario);
  if (known !== undefined) return known;
  const quiet: Plan = { ...planned, seed: 0, scenario, faults: [] };
  const result = { plan: quiet, ...(await runIncremental(quiet, undefined)) };
  console.log(seedBlock(result));
  if (result.outcome === undefined || result.violations.length > 0) fail('the undisturbed run failed');
  references.set(scenario, result.outcome);
  return result.outcome;
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) fail(`--${name} ${text}: a whole number is needed`);
  return Number(text);
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
