/** Index files of datasets: the watcher of a local controller, the readers of workers, and the lines of an index by number. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatasetWatchers, type WatchedDataset } from '../../../activities/edge/lib/dataset-watcher.ts';
import { readCsv, readJson, readTxt } from '../../../sdk/datasources/index.ts';
import { caseOf, corpusDirectory, readExpected, type Entry } from '../lib/expected.ts';
import type { Case, Family, Found, Parser } from '../lib/family.ts';

export interface DatasetInput {
  file: string;
  format: string;
  label?: string;
}

interface More {
  format: string;
  label?: string;
  make?: string;
}

export function datasets(): Family<DatasetInput> {
  const folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'datasets-'));
  const cases = readExpected<More>('datasets').map(([name, entry]) => caseIn(folder, name, entry));
  return { name: 'datasets', cases, parsers: [localController(), sdk], boundMs: 2_000, growthMiB: 128 };
}

function caseIn(folder: string, name: string, entry: Entry<More>): Case<DatasetInput> {
  const kept = join(corpusDirectory, 'datasets', 'files', name);
  const file = entry.make === 'below' ? join(kept, '..', 'empty.txt', name) : join(folder, name);
  if (entry.make === undefined) copyFileSync(kept, file);
  else if (entry.make !== 'below') make(file, entry.make);
  // As if it had rested for a while: an unfinished last line is what it is.
  const past = new Date(Date.now() - 60_000);
  if (entry.make === undefined || /^(repeat|open)/.test(entry.make)) utimesSync(file, past, past);
  return caseOf(name, { file, format: entry.format, label: entry.label }, entry);
}

function make(file: string, what: string): void {
  const [word = '', argument = '', text = ''] = what.split(' ');
  if (word === 'directory') mkdirSync(file);
  else if (word === 'pipe') execFileSync('mkfifo', [file]);
  else if (word === 'link') symlinkSync(argument, file);
  else if (word !== 'missing') {
    // The long line is the second one, with or without an end.
    const quoted = file.endsWith('.json') ? '"' : '';
    const end = word === 'open' ? '' : '\n';
    writeFileSync(file, `1\n${quoted}${text.repeat(Number(argument))}${quoted}${end}`);
  }
}

function localController(): Parser<DatasetInput> {
  const watchers = new DatasetWatchers();
  return {
    name: 'local controller',
    async judge({ file, format }) {
      let leave = (): void => undefined;
      const { problem, index } = await new Promise<WatchedDataset>((resolve) => {
        leave = watchers.listen({ url: file, format }, resolve);
      });
      leave();
      if (problem !== undefined) return refusal(problem.reason, problem.message, file);
      // What is counted can be read again: this is what a round trains on.
      const samples = await index.range(0, index.count);
      return { verdict: 'accept', value: samples.length };
    },
  };
}

const sdk: Parser<DatasetInput> = {
  name: 'sdk',
  async judge({ file, format, label }) {
    try {
      const read = { txt: readTxt, csv: readCsv, json: readJson }[format] ?? readTxt;
      const { length } = await read([file], { label });
      return { verdict: 'accept', value: length };
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) throw error;
      return refusal(undefined, (error as Error).message, file);
    }
  },
};

function refusal(reason: string | undefined, message: string, file: string): Found {
  const line = new RegExp(`${file.replaceAll('.', '\\.')}:(\\d+):`).exec(message)?.[1];
  return { verdict: 'refuse', ...(reason === undefined ? {} : { reason }), path: line && `line ${line}`, message };
}
