import { problems } from './record.ts';

/** One record of a CSV text and the line that it starts on, 1-based. */
export interface CsvRow {
  line: number;
  cells: string[];
}

export class CsvError extends Error {
  override name = 'CsvError';
  /** 1-based. */
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/**
 * Splits CSV text (RFC 4180: quotes, doubled quotes and line breaks inside quotes; also LF alone) into rows. Blank lines are
 * skipped. Throws `CsvError` on a quote that never ends and on lines that end with CR alone. `delimiter`: one character, no
 * quote and no line break.
 */
export function* csvRows(text: string, delimiter = ','): Generator<CsvRow> {
  let line = 1;
  let at = 0;
  while (at < text.length) {
    const row: CsvRow = { line, cells: [] };
    // A quoted empty cell is a row.
    const isQuoted = text[at] === '"';
    let ended = false;
    while (!ended) {
      const cell = text[at] === '"' ? quoted(text, at, line) : plain(text, at, { line, delimiter });
      row.cells.push(cell.value);
      line += cell.lines;
      at = cell.end;
      ended = text[at] !== delimiter;
      if (!ended) at++;
    }
    at = lineBreak(text, at, line);
    line++;
    if (row.cells.length > 1 || row.cells[0] !== '' || isQuoted) yield row;
  }
}

function lineBreak(text: string, start: number, line: number): number {
  let at = start;
  if (text[at] === '\r' && text[at + 1] === '\n') at++;
  if (text[at] === '\n') at++;
  if (at === start && at < text.length) throw new CsvError(line, 'text follows a closing quote');
  return at;
}

interface Cell {
  value: string;
  /** Index of the delimiter, line break or end behind the cell. */
  end: number;
  /** Line breaks inside it. */
  lines: number;
}

function plain(text: string, start: number, { line, delimiter }: { line: number; delimiter: string }): Cell {
  let end = start;
  while (end < text.length && text[end] !== delimiter && text[end] !== '\n') end++;
  if (text[end] === '\n' && end > start && text[end - 1] === '\r') end--;
  const value = text.slice(start, end);
  if (LONE_RETURN.test(value)) throw new CsvError(line, problems.loneReturn);
  return { value, end, lines: 0 };
}

const LONE_RETURN = /\r[^\r]/;

function quoted(text: string, start: number, line: number): Cell {
  let at = start + 1;
  let value = '';
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) throw new CsvError(line, problems.openQuote);
    value += text.slice(at, quote);
    at = quote + 1;
    if (text[at] !== '"') break;
    value += '"';
    at++;
  }
  return { value, end: at, lines: value.split('\n').length - 1 };
}
