import Table from 'cli-table3';
import type { Expected } from './family.ts';

interface Row {
  accept: number;
  refuse: number;
  foreign: number;
  wrong: number;
  slowestMs: number;
  growthMiB: number;
  absent?: string;
}

/** Family × parser: how many were accepted and refused, how many verdicts were not the expected one. */
export class CorpusTable {
  readonly #rows = new Map<string, Row>();

  row(family: string, parser: string): Row {
    const key = `${family}\t${parser}`;
    const row = this.#rows.get(key) ?? { accept: 0, refuse: 0, foreign: 0, wrong: 0, slowestMs: 0, growthMiB: 0 };
    this.#rows.set(key, row);
    return row;
  }

  count(row: Row, verdict: Expected['verdict'], foreign: boolean): void {
    row[verdict] += 1;
    if (foreign) row.foreign += 1;
  }

  toString(): string {
    const table = new Table({
      head: ['family', 'parser', 'accept', 'refuse', 'own words', 'wrong', 'slowest', 'growth'],
      style: { head: [], border: [], compact: true },
    });
    for (const [key, { accept, refuse, foreign, wrong, slowestMs, growthMiB, absent }] of this.#rows) {
      const [family = '', parser = ''] = key.split('\t');
      if (absent !== undefined) table.push([family, parser, { colSpan: 6, content: `not asked: ${absent}` }]);
      else {
        const cost = [`${slowestMs.toFixed(0)} ms`, `${growthMiB.toFixed(0)} MiB`];
        table.push([family, parser, accept, refuse, foreign, wrong, ...cost]);
      }
    }
    return table.toString();
  }
}
