import { CsvError, csvRows, type CsvRow } from './csv-rows.ts';
import { BaseDataSource } from './data-source.ts';
import type { DataType } from './data-source.ts';
import { atLine, checkLines, readText } from './read-text.ts';
import { takeLabel } from './label.ts';

/** Column → value. Cells that are numbers are numbers, empty ones are `null`. */
export type CsvRecord = Record<string, string | number | null>;

export interface CsvOptions {
  dataType?: DataType;
  /** Column that moves from `x` to `y`. Without it there are no labels. */
  label?: string;
  /** Columns to keep, as a list or separated by commas; the label is kept anyway. Default: all. */
  columns?: string | readonly string[];
  /** One character. Default: a comma. */
  delimiter?: string;
  /** Turns one record into the sample; `null` or `undefined` drops the row. */
  parseRow?: (row: CsvRecord) => unknown;
}

/** Reads CSV files with a header line; a source may also be a record itself. Empty locations are skipped. */
export async function readCsv(
  sources: readonly (string | CsvRecord)[],
  options: CsvOptions = {},
): Promise<BaseDataSource> {
  const { delimiter = ',' } = options;
  if (!/^[^"\r\n]$/.test(delimiter)) {
    throw new Error(`option delimiter: ${JSON.stringify(delimiter)} is not one character, or a quote or line break`);
  }
  const target = new BaseDataSource(options.dataType);
  for (const source of sources) {
    if (source === '') continue;
    if (typeof source !== 'string') await add(target, source, options);
    else
      for await (const [line, row] of records(source, options))
        await atLine(source, line, () => add(target, row, options));
  }
  return target;
}

async function* records(
  location: string,
  { delimiter, columns, label }: CsvOptions,
): AsyncGenerator<[number, CsvRecord]> {
  const wanted = typeof columns === 'string' ? columns.split(',').map((name) => name.trim()) : columns;
  let header: string[] | undefined;
  const text = await readText(location, 'csv');
  checkLines(location, text);
  for (const { line, cells } of rowsOf(location, text, delimiter)) {
    if (!header) {
      header = cells.map((name) => name.trim());
      const twice = header.find((name, index) => name !== '' && header?.indexOf(name) !== index);
      if (twice !== undefined) throw new Error(`${location}:${line}: the column "${twice}" is there twice`);
      requireColumns(location, header, [...(wanted ?? []), ...(label ? [label] : [])]);
      continue;
    }
    if (cells.length > header.length) {
      throw new Error(`${location}:${line}: has ${cells.length} cells; the header has ${header.length}`);
    }
    const entries = header.map((name, index) => [name, toValue(cells[index] ?? '')] as const);
    yield [line, Object.fromEntries(entries.filter(([name]) => !wanted || wanted.includes(name) || name === label))];
  }
}

function* rowsOf(location: string, text: string, delimiter: string | undefined): Generator<CsvRow> {
  try {
    yield* csvRows(text, delimiter);
  } catch (error) {
    if (error instanceof CsvError) throw new Error(`${location}:${error.line}: ${error.message}`, { cause: error });
    throw error;
  }
}

function requireColumns(location: string, header: readonly string[], names: readonly string[]): void {
  const missing = names.find((name) => !header.includes(name));
  if (missing !== undefined) throw new Error(`${location}: has no column "${missing}"; columns: ${header.join(', ')}`);
}

async function add(target: BaseDataSource, row: CsvRecord, { label, parseRow }: CsvOptions): Promise<void> {
  const { rest, value } = takeLabel(row, label);
  const sample = parseRow ? await parseRow(rest as CsvRecord) : rest;
  if (sample === null || sample === undefined) return;
  target.x.push(sample);
  if (label && !target.isTestData) target.y.push(value);
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function toValue(cell: string): string | number | null {
  const text = cell.trim();
  if (text === '') return null;
  return NUMBER.test(text) ? Number(text) : cell;
}
