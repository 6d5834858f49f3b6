/**
 * `npm run bench [-- ID…] [-o json] [--quick]`: a table for people; under `-o json` the last line of each benchmark is one JSON
 * object. `--quick` runs tiny sizes without peers, to see that it works.
 */
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { renderTable } from '../cli/lib/output.ts';
import { isMet, type Benchmark, type Case } from './lib/case.ts';

const benchmarks: Record<string, () => Promise<{ run: Benchmark }>> = {
  p1: () => import('./p1.ts'),
  p2: () => import('./p2.ts'),
  training: () => import('./training.ts'),
  infer: () => import('./infer.ts'),
  apply: () => import('./apply.ts'),
  p5: () => import('./p5.ts'),
  p6: () => import('./p6.ts'),
  p7: () => import('./p7.ts'),
  p13: () => import('./p13.ts'),
  p11: () => import('./p11.ts'),
};

const { values, positionals } = parseArgs({
  options: {
    output: { type: 'string', short: 'o', default: 'table' },
    quick: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

const unknown = positionals.filter((id) => !Object.hasOwn(benchmarks, id));
if (unknown.length > 0 || !['table', 'json'].includes(values.output)) {
  const ids = Object.keys(benchmarks).join(', ');
  console.error(`usage: npm run bench -- [ID…] [-o table|json] [--quick]; benchmarks: ${ids}`);
  process.exit(2);
}

// Both sides without ONNX Runtime's telemetry, as ours runs anyway.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / (1 << 30)),
  node: process.versions.node,
  date: new Date().toISOString().slice(0, 10),
};

for (const id of positionals.length === 0 ? Object.keys(benchmarks) : positionals) {
  const load = benchmarks[id];
  if (load === undefined) continue;
  const cases = await (await load()).run({ quick: values.quick });
  if (values.output === 'json') console.log(JSON.stringify({ id, machine, cases }));
  else show(id, cases);
}
// Native parts of the peers and of Temporal's client keep handles of their own.
process.exit(0);

function show(id: string, cases: Case[]): void {
  const number = (value: number | undefined): string =>
    value === undefined ? '' : String(Number(value.toPrecision(4)));
  console.log(
    renderTable(cases, [
      [id, ({ name }) => name],
      ['n', ({ n }) => n],
      ['clients', ({ clients }) => clients],
      ['threads', ({ threads }) => threads],
      ['value', ({ value }) => number(value)],
      ['unit', ({ unit }) => unit],
      ['bound', ({ bound }) => number(bound)],
      ['/bound', ({ ratioToBound }) => number(ratioToBound)],
      ['peer', ({ peer, skipped }) => (skipped === undefined ? number(peer) : 'skipped')],
      ['/peer', ({ ratioToPeer }) => number(ratioToPeer)],
      ['95 %', ({ interval }) => interval?.map(number).join(' … ')],
      ['goal', ({ goal }) => goalText(goal)],
      ['met', (one) => ({ true: 'yes', false: 'no', undefined: '' })[String(isMet(one))]],
    ]),
  );
  for (const { name, skipped } of cases) if (skipped !== undefined) console.log(`${name}: peer skipped: ${skipped}`);
}

function goalText(goal: Case['goal']): string {
  if (goal === undefined) return '';
  const number = goal.atMost === undefined ? `≥ ${goal.atLeast}` : `≤ ${goal.atMost}`;
  return goal.of === 'ratio' ? `${number} × peer` : number;
}
