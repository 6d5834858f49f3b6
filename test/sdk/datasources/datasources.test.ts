import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readCsv, readJson, readTxt } from '../../../sdk/index.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'data-'));
});

afterEach(() => rm(root, { recursive: true }));

async function file(name: string, content: string | Buffer): Promise<string> {
  const target = path.join(root, name);
  await writeFile(target, content);
  return target;
}

describe('txt', () => {
  test('words per line, the label second or 0; no final newline, CRLF, byte-order mark, blank lines', async () => {
    const first = await file('a.txt', '\uFEFF a.jpg  1\r\n\r\nb.jpg 0 ignored\nc.jpg');
    const second = await file('b.txt', 'd.jpg 7\n');
    const data = await readTxt([first, '', second]);
    expect(data.x).toEqual(['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg']);
    expect(data.y).toEqual(['1', '0', 0, '7']);
    expect(data.length).toBe(4);
    expect(data.dataType).toBe('train');
  });

  test('test data has no labels; raw keeps rows', async () => {
    const index = await file('a.txt', 'a 1\nb\n');
    expect(await readTxt([index], { dataType: 'test' })).toMatchObject({ x: ['a', 'b'], y: [], isTestData: true });
    expect(await readTxt([index], { raw: true })).toMatchObject({ x: [['a', '1'], ['b']], y: [] });
  });

  test('a function sees every trimmed line and may drop it; its error is told with the place', async () => {
    const index = await file('a.txt', ' 1,2|3 \n\nx\n');
    const lines: string[] = [];
    const parseLine = (line: string) => {
      lines.push(line);
      if (line === '') return null;
      if (line === 'x') throw new Error('no comma');
      return line.split('|');
    };
    await expect(readTxt([index], { parseLine })).rejects.toThrow(`${index}:3: no comma`);
    expect(lines).toEqual(['1,2|3', '', 'x']);
  });

  test('lines that end with a carriage return alone are refused, not taken for one', async () => {
    const index = await file('old.txt', 'a 1\r\nb 2\rc 3\r');
    await expect(readTxt([index])).rejects.toThrow(`${index}:2: holds a carriage return that ends no line`);
  });

  test('what cannot be read is named', async () => {
    await expect(readTxt([path.join(root, 'none')])).rejects.toThrow(/dataset .*none cannot be read: ENOENT/);
    await expect(readTxt([await file('bin', Buffer.from([0xff, 0xfe]))])).rejects.toThrow(/bin:1: is not UTF-8/);
    await expect(readTxt(['s3://bucket/x'])).rejects.toThrow(/"s3:\/\/" is not supported here/);
    await expect(readTxt(['../x'])).rejects.toThrow(/absolute path/);
  });
});

describe('csv', () => {
  test('quotes, doubled quotes, line breaks in quotes, numbers and empty cells; several files and a record', async () => {
    const first = await file('a.csv', 'name,age,note\r\n"a, ""b""\nc",1.5,\r\n\r\nd,-2e3,x');
    const second = await file('b.csv', 'age,name,note\n7,e,5 m\n');
    const data = await readCsv([first, '', second, { name: 'f', age: 8, note: null }], { label: 'age' });
    expect(data.x).toEqual([
      { name: 'a, "b"\nc', note: null },
      { name: 'd', note: 'x' },
      { name: 'e', note: '5 m' },
      { name: 'f', note: null },
    ]);
    expect(data.y).toEqual([1.5, -2000, 7, 8]);
  });

  test('columns, delimiter and a function per row', async () => {
    const table = await file('a.csv', 'a;b;c\n1;2;3\n4;5;6\n');
    const parseRow = (row: Record<string, unknown>) => (row.a === 4 ? undefined : Object.values(row));
    const data = await readCsv([table], { delimiter: ';', columns: 'a, b', label: 'c', parseRow });
    expect(data).toMatchObject({ x: [[1, 2]], y: [3] });
  });

  test('only a header, or nothing, is an empty data set', async () => {
    expect((await readCsv([await file('h.csv', 'a,b\n'), await file('e.csv', '')], { label: 'a' })).length).toBe(0);
  });

  test.each([
    ['a,b\n1,2\n', { label: 'z' }, 'has no column "z"; columns: a, b'],
    ['a,b\n1,2,3\n', {}, ':2: has 3 cells; the header has 2'],
    ['a,b\n1,"2\n', {}, ':2: a quote is opened and never closed'],
    ['a,b\n"1"x,2\n', {}, ':2: text follows a closing quote'],
    ['a,b\r1,2\r3,4\r', {}, ':1: holds a carriage return that ends no line; end lines with LF or CRLF'],
    ['a||b\n1||2\n', { delimiter: '||' }, 'option delimiter: "||" is not one character'],
    ['a,b\n1,2\n', { delimiter: '' }, 'option delimiter: "" is not one character'],
  ])('%j is refused', async (content, options, message) => {
    await expect(readCsv([await file('x.csv', content)], options)).rejects.toThrow(message);
  });
});

describe('json', () => {
  test('an array and lines give the same', async () => {
    const array = await file('a.json', '[{"v": [1, 2], "y": 0}, {"v": [3], "y": 1}]\n');
    const lines = await file('a.jsonl', '{"v": [1, 2], "y": 0}\r\n\n{"v": [3], "y": 1}');
    for (const source of [array, lines]) {
      expect(await readJson([source], { label: 'y' })).toMatchObject({ x: [{ v: [1, 2] }, { v: [3] }], y: [0, 1] });
    }
    const parseRecord = (record: unknown) => ((record as { y: number }).y === 0 ? null : 'kept');
    expect(await readJson([array, lines], { parseRecord })).toMatchObject({ x: ['kept', 'kept'], y: [] });
  });

  test('lines that are arrays', async () => {
    expect((await readJson([await file('a.jsonl', '[1,2]\n[3,4]\n')])).x).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test.each([
    ['{"y": 1}\n{"z": 1}\n', ':2: has no "y"; members: z'],
    ['{"y": 1}\n{"y": \n', ':2: '],
    ['5\n', ':1: is not an object with a "y"'],
    ['[1, 2', 'is not JSON'],
  ])('%j is refused with the place', async (content, message) => {
    await expect(readJson([await file('x.json', content)], { label: 'y' })).rejects.toThrow(message);
  });
});
