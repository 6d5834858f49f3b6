/** Every family through every parser that speaks of it: one verdict, one field path, one reason. Prints the table of the corpus. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { callbacks } from './families/callbacks.ts';
import { datasets } from './families/datasets.ts';
import { locations } from './families/locations.ts';
import { manifests } from './families/manifests.ts';
import { messages } from './families/messages.ts';
import { models } from './families/models.ts';
import { updates } from './families/updates.ts';
import { workerReports } from './families/worker-reports.ts';
import { expectedOf, type Case, type Expected, type Family, type Found, type Parser } from './lib/family.ts';
import { CorpusTable } from './lib/table.ts';

const table = new CorpusTable();

function judged<I>(family: Family<I>): void {
  describe(family.name, () => {
    for (const parser of family.parsers) ask(family, parser);
  });
}

function ask<I>(family: Family<I>, parser: Parser<I>): void {
  const row = table.row(family.name, parser.name);
  row.absent = parser.absent;
  const own = family.cases.filter((found): boolean => expectedOf(found, parser) !== undefined);
  (parser.absent === undefined ? describe : describe.skip)(parser.name, () => {
    beforeAll(async () => parser.open?.(own), 90_000);
    afterAll(async () => parser.close?.());
    test.each(own)('$name', async (found) => {
      row.wrong += 1;
      const before = process.memoryUsage().rss;
      const begun = process.cpuUsage();
      const verdict = await parser.judge(found.input, found);
      // Time of the processor: a busy machine makes nobody slower by that. What hangs meets the bound of the test.
      const { user, system } = process.cpuUsage(begun);
      const took = (user + system) / 1_000;
      const growth = (process.memoryUsage().rss - before) / (1 << 20);
      row.slowestMs = Math.max(row.slowestMs, took);
      row.growthMiB = Math.max(row.growthMiB, growth);
      table.count(row, verdict.verdict, verdict.foreign === true && verdict.verdict === 'refuse');
      agree(verdict, expectedOf(found, parser) as Expected, found);
      expect(took).toBeLessThan(family.boundMs);
      expect(growth).toBeLessThan(family.growthMiB);
      row.wrong -= 1;
    });
  });
}

function agree<I>(found: Found, expected: Expected, { name }: Case<I>): void {
  const said = `${name}: ${found.message ?? ''}`;
  const seen = { name, verdict: found.verdict, path: found.path, said };
  expect(seen).toMatchObject({ name, verdict: expected.verdict });
  if (found.verdict === 'accept') return same(found.value, expected.value);
  if (found.foreign !== true || found.path !== undefined) same(found.path, expected.path ?? undefined);
  if (found.foreign === true) return;
  same(found.reason, expected.reason);
  expect(said).toContain(expected.message ?? '');
}

/** Where both say it. */
function same(found: unknown, expected: unknown): void {
  if (found !== undefined && expected !== undefined) expect(found).toEqual(expected);
}

judged(manifests());
judged(locations());
judged(datasets());
judged(models());
judged(workerReports());
judged(updates());
judged(messages());
judged(callbacks());

afterAll(() => void process.stdout.write(`\nThe corpus of bad input, by family and parser:\n${table.toString()}\n`));
