import { BaseDataSource } from './data-source.ts';
import type { DataType } from './data-source.ts';
import { takeLabel } from './label.ts';
import { isOneArray, jsonProblem } from './record.ts';
import { atLine, checkLines, readText } from './read-text.ts';

export interface JsonOptions {
  dataType?: DataType;
  /** Member that moves from `x` to `y`. Without it there are no labels. */
  label?: string;
  /** Turns one value into the sample; `null` or `undefined` drops it. */
  parseRecord?: (record: unknown) => unknown;
}

/** Reads JSON files: one array of samples, or JSON Lines (one sample per line). Empty locations and blank lines are skipped. */
export async function readJson(locations: readonly string[], options: JsonOptions = {}): Promise<BaseDataSource> {
  const target = new BaseDataSource(options.dataType);
  for (const location of locations.filter(Boolean)) {
    const text = await readText(location, 'json');
    if (isOneArray(text)) await readArray(target, { location, text }, options);
    else await readLines(target, { location, text }, options);
  }
  return target;
}

interface Source {
  location: string;
  text: string;
}

async function readArray(target: BaseDataSource, { location, text }: Source, options: JsonOptions): Promise<void> {
  const problem = jsonProblem(text);
  if (problem !== undefined) throw new Error(`${location}: ${problem}`);
  for (const record of JSON.parse(text) as unknown[]) await add(target, record, options);
}

async function readLines(target: BaseDataSource, { location, text }: Source, options: JsonOptions): Promise<void> {
  checkLines(location, text);
  let number = 0;
  for (const line of text.split('\n')) {
    number++;
    if (/^[ \t\r]*$/.test(line)) continue;
    await atLine(location, number, () => {
      const problem = jsonProblem(line);
      if (problem !== undefined) throw new Error(problem);
      return add(target, JSON.parse(line), options);
    });
  }
}

async function add(target: BaseDataSource, record: unknown, { label, parseRecord }: JsonOptions): Promise<void> {
  if (label && (typeof record !== 'object' || record === null)) throw new Error(`is not an object with a "${label}"`);
  const { rest, value } = label
    ? takeLabel(record as Record<string, unknown>, label)
    : { rest: record, value: undefined };
  const sample = parseRecord ? await parseRecord(rest) : rest;
  if (parseRecord && (sample === null || sample === undefined)) return;
  target.x.push(sample);
  if (label && !target.isTestData) target.y.push(value);
}
