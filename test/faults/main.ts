/**
 * `npm run test:faults -- incremental [--seeds N [--from S]] [--seed S]`: the real stack under kills, freezes and cut links.
 * First the undisturbed run, then each seed is compared with it. `--seed S` replays one.
 */
import { parseArgs } from 'node:util';
import { runIncremental, type RunResult } from './incremental.ts';
import { describeFault, plan } from './lib/plan.ts';

const { values, positionals } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
  },
  allowPositionals: true,
});
const [campaign = 'incremental'] = positionals;
if (campaign !== 'incremental') {
  console.error(`there is no campaign ${campaign}; campaigns: incremental`);
  process.exit(2);
}

const seeds =
  values.seed === undefined
    ? Array.from({ length: Number(values.seeds) }, (_, i) => i + Number(values.from))
    : [Number(values.seed)];

const undisturbed = await runIncremental(0, [], undefined);
report('undisturbed', undisturbed, []);
if (undisturbed.outcome === undefined || undisturbed.violations.length > 0) process.exit(1);

let failed = 0;
for (const seed of seeds) {
  const faults = plan(seed);
  const result = await runIncremental(seed, faults, undisturbed.outcome);
  report(`seed ${seed}`, result, faults.map(describeFault));
  if (result.violations.length > 0) failed += 1;
}
console.log(`\n${seeds.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function report(name: string, { violations, seconds, load }: RunResult, faults: string[]): void {
  const served =
    load === undefined ? '' : `, ${load.answered}/${load.requests} answered, longest gap ${load.longestGapMs} ms`;
  console.log(`${violations.length === 0 ? 'ok  ' : 'FAIL'} ${name}: ${seconds} s${served}`);
  for (const fault of faults) console.log(`       ${fault}`);
  for (const violation of violations) console.log(`     ! ${violation}`);
}
