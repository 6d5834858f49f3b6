/** `npm run bench [-- ID…] [-o json]`: a table for people; under `-o json` the last line of each benchmark is one JSON object. */
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { renderTable } from '../cli/lib/output.ts';
import type { Benchmark, Case } from './lib/case.ts';

const benchmarks: Record<string, () => Promise<{ run: Benchmark }>> = {
  training: () => import('./training.ts'),
};

const { values, positionals } = parseArgs({
  options: { output: { type: 'string', short: 'o', default: 'table' } },
  allowPositionals: true,
});

const unknown = positionals.filter((id) => !Object.hasOwn(benchmarks, id));
if (unknown.length > 0 || !['table', 'json'].includes(values.output)) {
  console.error(`usage: npm run bench -- [ID…] [-o table|json]; benchmarks: ${Object.keys(benchmarks).join(', ')}`);
  process.exit(2);
}

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
  const cases = await (await load()).run();
  if (values.output === 'json') console.log(JSON.stringify({ id, machine, cases }));
  else show(id, cases);
}

function show(id: string, cases: Case[]): void {
  const number = (value: number | undefined): string =>
    value === undefined ? '' : String(Number(value.toPrecision(4)));
  console.log(
    renderTable(cases, [
      [id, ({ name }) => name],
      ['n', ({ n }) => n],
      ['clients', ({ clients }) => clients],
      ['value', ({ value }) => number(value)],
      ['unit', ({ unit }) => unit],
      ['bound', ({ bound }) => number(bound)],
      ['/bound', ({ ratioToBound }) => number(ratioToBound)],
      ['peer', ({ peer }) => number(peer)],
      ['/peer', ({ ratioToPeer }) => number(ratioToPeer)],
      ['95 %', ({ interval }) => interval?.map(number).join(' … ')],
    ]),
  );
}
