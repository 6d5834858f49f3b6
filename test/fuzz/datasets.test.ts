import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mkdtempSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatasetIndex } from '../../activities/edge/lib/dataset-index.ts';
import { readCsv, readJson, readTxt } from '../../sdk/datasources/index.ts';
import { boundMs, mutated, params, seeds } from './lib/fuzz.ts';

const file = join(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'fuzz-data-')), 'data');
const tokens = ['"', '""', ',', '\r\n', '\r', '\uFEFF', '{"x":1}\n', '[1]\n', '[', ']', 'null', '\u00a0', '\t', '\xff'];
const past = new Date(Date.now() - 60_000);

/** The number of samples, or what is wrong, which names the file. */
async function outcome(count: () => Promise<number>): Promise<number | string> {
  try {
    return await count();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'Error') throw error;
    return error.message;
  }
}

const node = (format: string): Promise<number | string> =>
  outcome(async () => {
    const index = new DatasetIndex({ url: file, format });
    await index.refresh();
    expect(await index.range(0, index.count)).toHaveLength(index.count);
    return index.count;
  });

const worker = (format: string): Promise<number | string> =>
  outcome(async () => {
    // In a txt file every line is a sample, blank ones too.
    const parseLine = (line: string): string[] => [line];
    const read = {
      txt: () => readTxt([file], { parseLine }),
      csv: () => readCsv([file]),
      json: () => readJson([file]),
    };
    return (await read[format as keyof typeof read]()).length;
  });

test.each(['txt', 'csv', 'json'])(
  'node and worker read a %s file alike, or both refuse it',
  async (format) => {
    const property = fc.asyncProperty(mutated(seeds('datasets/files'), tokens), async (content) => {
      writeFileSync(file, content);
      utimesSync(file, past, past);
      const [counted, read] = [await node(format), await worker(format)];
      expect(await node(format)).toBe(counted);
      const text = content.toString('utf8');
      // The last line end of a txt file begins a line for the reader that takes blank ones.
      const blankEnd =
        format === 'txt' && typeof read === 'number' && /(^|\n)$/.test(text.replace(/^\uFEFF/, '')) ? 1 : 0;
      if (typeof counted === 'string') {
        // Cells are the worker's business, and so is what is a delimiter: there the node only counts.
        if (format !== 'csv' || typeof read === 'string') expect(typeof read).toBe('string');
        else expect(text).toMatch(/[;\t|]"/);
      } else if (format === 'csv') {
        if (typeof read === 'number' && !/[;\t|]"/.test(text)) expect(read).toBe(counted);
      } else expect(typeof read === 'number' ? read - blankEnd : read).toBe(counted);
    });
    await fc.assert(property, params(150));
  },
  boundMs,
);
