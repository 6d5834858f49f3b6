/**
 * `npm run test:faults -- incremental|federated [--scenario NAME] [--seeds N [--from S]] [--seed S] [--report FILE]`: the real stack
 * under kills, freezes, links that are cut, hang, lose answers or are late, and scenarios around them. The undisturbed run comes first,
 * each seed is compared with it. `--seed S` replays one; `--scenario` takes the next N seeds that play it; `--report` writes all that is
 * known of the campaign as JSON. Exit code 1: a seed failed.
 */
import { parseArgs } from 'node:util';
import { federated } from './federated.ts';
import { incremental } from './incremental-campaign.ts';
import type { AnyCampaign, Planned, Result, AnyFault } from './lib/campaign.ts';
import { seedBlock, summary, verdictOf, writeReport, type SeedResult } from './lib/report.ts';

const campaigns: Record<string, AnyCampaign> = { incremental, federated };

const { values, positionals } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    report: { type: 'string' },
    scenario: { type: 'string' },
  },
  allowPositionals: true,
});
const [name = 'incremental'] = positionals;
const campaign =
  campaigns[name] ?? fail(`there is no campaign ${name}; campaigns: ${Object.keys(campaigns).join(', ')}`);

const seeds =
  values.seed === undefined
    ? seedsOf(wholeNumber('seeds', values.seeds), wholeNumber('from', values.from))
    : [wholeNumber('seed', values.seed)];

const references = new Map<string, unknown>();
const results: SeedResult[] = [];
for (const seed of seeds) {
  const result = await runSeed(campaign.plan(seed) as Planned);
  results.push(result);
  console.log(seedBlock(campaign, result));
  if (values.report !== undefined) writeReport(values.report, campaign, results);
}
console.log(summary(campaign, results));
process.exit(results.some((result) => verdictOf(result) === 'FAIL') ? 1 : 0);

function seedsOf(count: number, from: number): number[] {
  const { scenario } = values;
  if (scenario === undefined) return Array.from({ length: count }, (_, i) => from + i);
  if (!campaign.scenarios.includes(scenario))
    fail(`--scenario ${scenario}: ${campaign.name} has ${campaign.scenarios.join(', ')}`);
  const found: number[] = [];
  for (let seed = from; found.length < count; seed++)
    if ((campaign.plan(seed) as Planned).scenario === scenario) found.push(seed);
  return found;
}

async function runSeed(plan: Planned): Promise<SeedResult> {
  const skipped = campaign.missing(plan);
  if (skipped !== undefined) return { ...(campaign.none as Result<unknown, AnyFault>), plan, skipped };
  const undisturbed = await reference(campaign.undisturbed(plan) as Planned);
  return { plan, ...((await campaign.play(plan, undisturbed)) as Result<unknown, AnyFault>) };
}

/** Played once per campaign; without it nothing can be compared. */
async function reference(quiet: Planned): Promise<unknown> {
  const known = references.get(quiet.scenario);
  if (known !== undefined) return known;
  const result: SeedResult = {
    plan: quiet,
    ...((await campaign.play(quiet, undefined)) as Result<unknown, AnyFault>),
  };
  console.log(seedBlock(campaign, result));
  if (result.outcome === undefined || result.violations.length > 0) fail('the undisturbed run failed');
  references.set(quiet.scenario, result.outcome);
  return result.outcome;
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d+$/.test(text)) fail(`--${option} ${text}: a whole number is needed`);
  return Number(text);
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}
