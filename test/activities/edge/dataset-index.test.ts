import { beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatasetIndex } from '../../../activities/edge/lib/dataset-index.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'index-'));
  file = join(directory, 'data');
});

const open = (format: string): DatasetIndex => new DatasetIndex({ url: file, format });

/** As if the file had rested long enough for an unfinished last line to count. */
function rest(): void {
  const past = new Date(Date.now() - 15_000 - Math.random() * 1_000);
  utimesSync(file, past, past);
}

const problemOf = (index: DatasetIndex): Promise<string | undefined> =>
  index.refresh().then(
    () => undefined,
    (error: Error) => error.message,
  );

async function fresh(format: string): Promise<{ count: number; digest: string | undefined }> {
  const index = open(format);
  await index.refresh();
  return { count: index.count, digest: await index.digestAt(index.count) };
}

describe('formats', () => {
  const cases: [string, string, string, string[]][] = [
    ['txt', 'txt', 'a 1\nb 2\n', ['a 1', 'b 2']],
    ['txt, CRLF', 'txt', 'a 1\r\nb 2\r\n', ['a 1', 'b 2']],
    ['txt with byte order mark', 'txt', '\uFEFFa 1\nb 2\n', ['a 1', 'b 2']],
    ['txt, no final line end', 'txt', 'a 1\nb 2', ['a 1', 'b 2']],
    ['one unfinished line with byte order mark', 'txt', '\uFEFFa 1', ['a 1']],
    ['empty', 'txt', '', []],
    ['csv with header', 'csv', 'x,y\n1,2\n3,4\n', ['1,2', '3,4']],
    ['csv, quoted line ends', 'csv', 'x,y\n"a\nb",2\n3,"say ""hi"""\n', ['"a\nb",2', '3,"say ""hi"""']],
    ['csv, header alone', 'csv', 'x,y', []],
    ['csv with byte order mark', 'csv', '\uFEFFx,y\n1,2\n', ['1,2']],
    ['JSON lines', 'json', '{"a":1}\n\n{"a":2}\n', ['{"a":1}', '{"a":2}']],
    ['JSON array', 'json', '[\n {"a": 1},\n {"a": 2}\n]\n', ['{"a":1}', '{"a":2}']],
    ['JSON array with byte order mark', 'json', '\uFEFF[1,2]', ['1', '2']],
  ];
  test.each(cases)('%s', async (_name, format, content, samples) => {
    writeFileSync(file, content);
    rest();
    const index = open(format);
    await index.refresh();
    expect(index.count).toBe(samples.length);
    expect(await index.range(0, index.count)).toEqual(samples);
    if (format === 'csv') expect(index.header).toBe('x,y');
  });

  test('a line of one megabyte', async () => {
    const long = 'x'.repeat((1 << 20) + 17);
    writeFileSync(file, `\uFEFF${long}\nshort\n`);
    const index = open('txt');
    await index.refresh();
    expect(await index.range(0, 2)).toEqual([long, 'short']);
    expect(await index.digestAt(2)).toBe((await fresh('txt')).digest);
  });

  test('a record without end is refused, without growing, until the file changes', async () => {
    writeFileSync(file, 'x'.repeat((9 << 20) + 1));
    const index = open('txt');
    await expect(index.refresh()).rejects.toThrow('a record is longer than 8 MiB');
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 20; i++) await expect(index.refresh()).rejects.toThrow('longer than 8 MiB');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 << 20);
    writeFileSync(file, 'a\nb\n');
    await index.refresh();
    expect(index.count).toBe(2);
  });

  test('an array that is being written keeps the last good count', async () => {
    writeFileSync(file, '[1,2]');
    const index = open('json');
    await index.refresh();
    writeFileSync(file, '[1,2,3');
    await expect(index.refresh()).rejects.toThrow();
    expect(index.count).toBe(2);
    writeFileSync(file, '[1,2,3]');
    await index.refresh();
    expect(index.count).toBe(3);
  });

  test('a file that is not there, or is a directory', async () => {
    await expect(open('txt').refresh()).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(new DatasetIndex({ url: directory, format: 'txt' }).refresh()).rejects.toThrow(
      /directory|not a file/i,
    );
  });
});

describe('change', () => {
  test('the digest at an old cursor is read from the file once, and known from then on', async () => {
    writeFileSync(file, 'a\nb\nc\n');
    const index = open('txt');
    await index.refresh();
    const digest = await index.digestAt(2);
    for (let i = 0; i < 2_000; i++) {
      appendFileSync(file, `${i}\n`);
      await index.refresh();
      if (i % 500 === 0) expect(await index.digestAt(2)).toBe(digest);
    }
    rmSync(file);
    expect(await index.digestAt(2)).toBe(digest);
  });

  test('a half-written last line counts once it rests, and only once', async () => {
    writeFileSync(file, 'one\ntw');
    const index = open('txt');
    await index.refresh();
    expect(index.count).toBe(1);
    rest();
    await index.refresh();
    expect(index.count).toBe(2);
    appendFileSync(file, 'o\nthree\n');
    await index.refresh();
    expect(await index.range(0, 3)).toEqual(['one', 'two', 'three']);
    expect(await index.digestAt(index.count)).toBe((await fresh('txt')).digest);
  });

  test('a pause of a writer in the middle of a line is no rest, also when the clock jumps back', async () => {
    writeFileSync(file, 'one\ntw');
    const second = new Date(Date.now() - 2_000);
    utimesSync(file, second, second);
    const index = new DatasetIndex({ url: file, format: 'txt' });
    await index.refresh();
    expect({ count: index.count, openEnd: index.openEnd }).toEqual({ count: 1, openEnd: false });
    // Of tomorrow, as after a clock that was set back: by the file's own time it would not rest for a day.
    const tomorrow = new Date(Date.now() + 86_400_000);
    utimesSync(file, tomorrow, tomorrow);
    const hasty = new DatasetIndex({ url: file, format: 'txt' }, { settleMs: 20 });
    await hasty.refresh();
    expect(hasty.count).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 25));
    await hasty.refresh();
    expect({ count: hasty.count, openEnd: hasty.openEnd }).toEqual({ count: 2, openEnd: true });
    appendFileSync(file, 'o\n');
    await hasty.refresh();
    expect({ count: hasty.count, openEnd: hasty.openEnd }).toEqual({ count: 2, openEnd: false });
  });

  test('a byte order mark whose line is completed later', async () => {
    writeFileSync(file, '\uFEFFon');
    const index = open('txt');
    await index.refresh();
    appendFileSync(file, 'e\ntwo\n');
    await index.refresh();
    expect(await index.digestAt(2)).toBe((await fresh('txt')).digest);
  });

  test('same beginning: the digest of what was counted still holds; other content: it does not', async () => {
    writeFileSync(file, 'a\nb\n');
    const index = open('txt');
    await index.refresh();
    const digest = await index.digestAt(2);
    writeFileSync(`${file}.new`, 'a\nb\nc\n');
    renameSync(`${file}.new`, file);
    await index.refresh();
    expect(index.count).toBe(3);
    expect(await index.digestAt(2)).toBe(digest);
    writeFileSync(file, 'a\nX\nc\n');
    await index.refresh();
    expect(await index.digestAt(2)).not.toBe(digest);
    truncateSync(file, 2);
    await index.refresh();
    expect(index.count).toBe(1);
    expect(await index.digestAt(2)).toBeUndefined();
  });

  test('reads only what is new', async () => {
    const lines = (n: number, from = 0) => Array.from({ length: n }, (_, i) => `sample ${from + i}\n`).join('');
    writeFileSync(file, lines(200_000));
    const index = open('txt');
    await index.refresh();
    // The beginning can be spoilt without being noticed, because it is not read again: only the end is compared.
    const handle = await import('node:fs/promises').then((fs) => fs.open(file, 'r+'));
    await handle.write('SPOILT', 0);
    await handle.close();
    appendFileSync(file, lines(10, 200_000));
    const digest = await index.digestAt(200_000);
    await index.refresh();
    expect(index.count).toBe(200_010);
    expect(await index.digestAt(200_000)).toBe(digest);
  });

  type Step = { kind: 'append' | 'replace' | 'truncate'; text: string; settle: boolean };
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('append' as const, 'append' as const, 'replace' as const, 'truncate' as const),
    text: fc.string({ unit: fc.constantFrom('a', 'b', ',', '"', '\n', '\r\n', '\uFEFF', 'é'), maxLength: 40 }),
    settle: fc.boolean(),
  });

  test.each(['txt', 'csv'])(
    'whatever happens to a %s file, count and digest are those of a fresh read',
    async (format) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
          rmSync(file, { force: true });
          writeFileSync(file, '');
          const index = open(format);
          for (const { kind, text, settle } of steps) {
            if (kind === 'append') appendFileSync(file, text);
            if (kind === 'truncate') truncateSync(file, 0);
            if (kind === 'replace') {
              writeFileSync(`${file}.new`, text);
              renameSync(`${file}.new`, file);
            }
            if (settle) rest();
            await problemOf(index);
          }
          rest();
          const problem = await problemOf(index);
          // A quote that is never closed: refused alike, however the file came to be so.
          expect(problem).toBe(await problemOf(open(format)));
          if (problem !== undefined) return;
          expect({ count: index.count, digest: await index.digestAt(index.count) }).toEqual(await fresh(format));
          expect(await index.range(0, index.count)).toHaveLength(index.count);
        }),
        { numRuns: 60 },
      );
    },
  );
});
