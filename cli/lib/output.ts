import Table from 'cli-table3';
import { Option, type Command } from 'commander';
import { stringify } from 'yaml';

export const FORMATS = ['table', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

/** Adds `-o, --output`; the action finds it as `options.output`. */
export function withOutput(command: Command): Command {
  const option = new Option('-o, --output <format>', 'how to print').choices([...FORMATS]).default('table');
  return command.addOption(option);
}

/** One column of a table: its title and the cell of a row. */
export type Column<T> = [title: string, cell: (row: T) => string | number | undefined];

/** Prints rows for people, or `document` (by default the rows) for programs. */
export function printRows<T>(rows: T[], columns: Column<T>[], format: Format, document: unknown = rows): void {
  if (format !== 'table') printDocument(document, format);
  else process.stdout.write(`${renderTable(rows, columns)}\n`);
}

export function printDocument(document: unknown, format: Exclude<Format, 'table'>): void {
  process.stdout.write(format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : stringify(document));
}

/** Aligned columns without borders, like kubectl's. */
export function renderTable<T>(rows: T[], columns: Column<T>[]): string {
  const table = new Table({
    head: columns.map(([title]) => title.toUpperCase()),
    chars: Object.fromEntries(BORDERS.map((border) => [border, ''])),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 3 },
  });
  for (const row of rows) table.push(columns.map(([, cell]) => String(cell(row) ?? '')));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const BORDERS = [
  ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
];
