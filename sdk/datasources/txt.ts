import { BaseDataSource } from './data-source.ts';
import type { DataType } from './data-source.ts';
import { problems } from './record.ts';
import { atLine, checkLines, readText } from './read-text.ts';

/** A sample: its parts in order, the label second. A string counts as a part of its own. */
export type TxtRow = readonly unknown[];

export interface TxtOptions {
  dataType?: DataType;
  /** Turns one trimmed line into a row; called for blank lines too. An empty row, `null` or `undefined` drops the line. */
  parseLine?: (line: string) => TxtRow | null | undefined | Promise<TxtRow | null | undefined>;
  /** Keep whole rows as `x` and take no labels. Default: false. */
  raw?: boolean;
}

/**
 * Reads text files of one sample per line: by default words separated by white space, the first one is the sample, the second one its
 * label (0 if there is none). Empty locations are skipped, a file that cannot be read is an error.
 */
export async function readTxt(locations: readonly string[], options: TxtOptions = {}): Promise<BaseDataSource> {
  const { dataType, parseLine = splitWords, raw = false } = options;
  const source = new BaseDataSource(dataType);
  for (const location of locations.filter(Boolean)) {
    let number = 0;
    const text = await readText(location, 'txt');
    checkLines(location, text);
    for (const line of text.split(/\r?\n/)) {
      number++;
      const row = await atLine(location, number, () => {
        if (LONE_RETURN.test(line)) throw new Error(problems.loneReturn);
        return parseLine(line.trim());
      });
      if (!row || row.length === 0) continue;
      source.x.push(raw ? row : row[0]);
      if (!raw && !source.isTestData) source.y.push(row[1] ?? 0);
    }
  }
  return source;
}

const LONE_RETURN = /\r[^\r]/;

const splitWords = (line: string): string[] => line.split(/\s+/).filter(Boolean);
