import { appendFile, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DataLoader, LineIndex } from '../../../sdk/datasources/index.ts';
import type { DataLoaderOptions, LoadedBatch } from '../../../sdk/datasources/index.ts';
import { Shuffle } from '../../../sdk/datasources/shuffle.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'loader-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Sample i is [i, -i] with label i % 3. */
function loader(options: Partial<DataLoaderOptions> = {}): DataLoader {
  return new DataLoader({
    count: 10,
    shape: [2],
    load: (indices) => indices.map((i) => ({ input: Float32Array.of(i, -i), label: i % 3 })),
    ...options,
  });
}

async function all(batches: AsyncIterable<LoadedBatch>): Promise<LoadedBatch[]> {
  const list: LoadedBatch[] = [];
  for await (const batch of batches) list.push(batch);
  return list;
}

describe('shuffle', () => {
  test('is an order of all positions for any count and seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (count, seed) => {
        const shuffle = new Shuffle(count, seed);
        const seen = new Set(Array.from({ length: count }, (_, i) => shuffle.at(i)));
        expect(seen.size).toBe(count);
        expect(Math.max(...seen)).toBe(count - 1);
      }),
    );
  });

  test('works for more positions than memory has', () => {
    const shuffle = new Shuffle(10 ** 12, 7);
    const picked = Array.from({ length: 1000 }, (_, i) => shuffle.at(i * 10 ** 9));
    expect(new Set(picked).size).toBe(1000);
    expect(picked.every((index) => Number.isSafeInteger(index) && index >= 0 && index < 10 ** 12)).toBe(true);
    expect(picked).toEqual(picked.map((_, i) => new Shuffle(10 ** 12, 7).at(i * 10 ** 9)));
  });

  test('no position and no step is preferred', () => {
    // Where position 0 goes over 4000 seeds, and the distance to where 1 goes: chi-squared with 15 degrees of freedom, 0.1 % level.
    const [places, steps] = [new Array<number>(16).fill(0), new Array<number>(16).fill(0)];
    for (let seed = 0; seed < 4000; seed++) {
      const shuffle = new Shuffle(1600, seed);
      const [a, b] = [shuffle.at(0), shuffle.at(1)];
      places[Math.floor(a / 100)]!++;
      steps[Math.floor(((b - a + 1600) % 1600) / 100)]!++;
    }
    for (const counts of [places, steps]) {
      const squared = counts.reduce((sum, count) => sum + (count - 250) ** 2 / 250, 0);
      expect(squared).toBeLessThan(37.7);
    }
  });
});

describe('batches', () => {
  test('cover all samples once, row after row, the last one smaller', async () => {
    const batches = await all(loader().batches({ batchSize: 4 }));
    expect(batches.map(({ count }) => count)).toEqual([4, 4, 2]);
    expect(batches.flatMap(({ indices }) => indices)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches[2]).toMatchObject({
      inputs: Float32Array.of(8, -8, 9, -9),
      labels: Int32Array.of(2, 0),
      shape: [2],
    });
  });

  test('a seed gives an order, and the same seed the same one from any batch on', async () => {
    const whole = await all(loader().batches({ batchSize: 3, seed: 5 }));
    const order = whole.flatMap(({ indices }) => indices);
    expect(order).not.toEqual([...order].sort((a, b) => a - b));
    expect([...order].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await all(loader().batches({ batchSize: 3, seed: 5, from: 2 }))).toEqual(whole.slice(2));
    expect(await all(loader().batches({ batchSize: 3, seed: 6 }))).not.toEqual(whole);
    const plain = await all(loader({ shuffle: false }).batches({ batchSize: 3, seed: 5 }));
    expect(plain.flatMap(({ indices }) => indices)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('augmentation depends on seed and index alone and is left out without a seed', async () => {
    const map: DataLoaderOptions['map'] = ({ input, label }, random, index) => ({
      input: Float32Array.from(input as Float32Array, (x) => x + random.uniform()),
      label: typeof label === 'number' ? label + 10 * index : label,
    });
    const make = () => loader({ map });
    const whole = await all(make().batches({ batchSize: 4, seed: 1 }));
    expect(await all(make().batches({ batchSize: 4, seed: 1, from: 1 }))).toEqual(whole.slice(1));
    expect(whole[0]?.inputs).not.toEqual((await all(loader().batches({ batchSize: 4, seed: 1 })))[0]?.inputs);
    expect(await all(make().batches({ batchSize: 4 }))).toEqual(await all(loader().batches({ batchSize: 4 })));
    // Another pass, another augmentation of the same sample.
    const find = (batches: LoadedBatch[]) => {
      const batch = batches.find(({ indices }) => indices.includes(3));
      return batch?.inputs[2 * batch.indices.indexOf(3)];
    };
    expect(find(await all(make().batches({ batchSize: 4, seed: 2 })))).not.toBe(find(whole));
  });

  test.each([0, 1, 3])('no more than %i batches are loaded ahead', async (prefetch) => {
    let [loaded, used, most] = [0, 0, 0];
    const load: DataLoaderOptions['load'] = async (indices) => {
      loaded++;
      most = Math.max(most, loaded - used);
      return indices.map((i) => ({ input: Float32Array.of(i, i), label: 0 }));
    };
    for await (const batch of loader({ count: 40, load, prefetch }).batches({ batchSize: 4 })) {
      expect(batch.count).toBe(4);
      used++;
    }
    expect(loaded).toBe(10);
    expect(most).toBe(prefetch + 1);
  });

  test('a load that fails ends the pass with its error, in turn', async () => {
    const load: DataLoaderOptions['load'] = async (indices) => {
      if (indices.includes(5)) throw new Error('shard 5 is gone');
      return indices.map(() => ({ input: new Float32Array(2), label: 0 }));
    };
    const seen: number[] = [];
    const pass = async () => {
      for await (const { indices } of loader({ load }).batches({ batchSize: 2 })) seen.push(...indices);
    };
    await expect(pass()).rejects.toThrow('shard 5 is gone');
    expect(seen).toEqual([0, 1, 2, 3]);
  });

  test('an abort ends the pass', async () => {
    const controller = new AbortController();
    const pass = async () => {
      for await (const batch of loader().batches({ batchSize: 2, signal: controller.signal })) {
        if (batch.indices.includes(3)) controller.abort(new Error('node drains'));
      }
    };
    await expect(pass()).rejects.toThrow('node drains');
  });

  test.each([
    [() => [], 'was asked for 4 samples and gave 0'],
    [
      (i: readonly number[]) => i.map((k) => ({ input: new Float32Array(k + 1), label: 0 })),
      'sample 1 differs from sample 0',
    ],
    [
      (i: readonly number[]) =>
        i.map((k) => ({ input: new Float32Array(2), label: k === 2 ? new Float32Array(1) : 0 })),
      'sample 2 differs from sample 0',
    ],
  ])('what the loader gives must fit: %#', async (load, message) => {
    await expect(all(loader({ load }).batches({ batchSize: 4 }))).rejects.toThrow(message);
  });

  test.each([
    [{ count: 0 }, 'count: 0'],
    [{ prefetch: -1 }, 'prefetch: -1'],
  ])('option %j is refused', (options, message) => {
    expect(() => loader(options)).toThrow(message);
  });
});

describe('lines of an index by number', () => {
  test.each(['\n', '\r\n'])('any lines in any order, with %j and any stride', async (end) => {
    const line = fc.string({ unit: fc.constantFrom('a', 'é', ' ', '🙂', '7'), maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        fc.array(fc.nat(39), { maxLength: 10 }),
        async (lines, stride, closed, picks) => {
          // Without a last newline an empty last line is none.
          fc.pre(closed || lines.at(-1) !== '');
          const path = join(folder, 'index.txt');
          await writeFile(path, lines.join(end) + (closed ? end : ''));
          const index = await LineIndex.open(path, { stride });
          expect(index.count).toBe(lines.length);
          const numbers = picks.map((pick) => pick % lines.length);
          expect(await index.lines(numbers)).toEqual(numbers.map((number) => lines[number]));
          await index.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  test('a loader streams from it', async () => {
    const path = join(folder, 'samples.csv');
    await writeFile(path, Array.from({ length: 500 }, (_, i) => `${i},${2 * i},${i % 2}\n`).join(''));
    const index = await LineIndex.open(path, { stride: 256 });
    const data = new DataLoader({
      count: index.count,
      shape: [2],
      load: async (indices) =>
        (await index.lines(indices)).map((text) => {
          const [a = 0, b = 0, label = 0] = text.split(',').map(Number);
          return { input: Float32Array.of(a, b), label };
        }),
    });
    const batches = await all(data.batches({ batchSize: 64, seed: 3 }));
    const rows = batches.flatMap(({ inputs, labels, indices }) =>
      indices.map((i, row) => [
        Number(inputs[2 * row]) === i,
        Number(inputs[2 * row + 1]) === 2 * i,
        labels[row] === i % 2,
      ]),
    );
    expect(rows).toHaveLength(500);
    expect(rows.flat().every(Boolean)).toBe(true);
    await index.close();
  });

  test('a line that is not there is refused', async () => {
    const path = join(folder, 'short.txt');
    await writeFile(path, 'a\nb\n');
    const index = await LineIndex.open(path);
    await expect(index.lines([2])).rejects.toThrow('line 2 is not in the index, which has 2');
    await index.close();
    await writeFile(path, '');
    const empty = await LineIndex.open(path);
    expect(empty.count).toBe(0);
    await empty.close();
  });

  test('a byte-order mark is no part of the first line', async () => {
    const path = join(folder, 'marked.txt');
    await writeFile(path, '\uFEFFä 1.jpg\r\nb.jpg\r\n');
    const index = await LineIndex.open(path);
    expect(await index.lines([0, 1])).toEqual(['ä 1.jpg', 'b.jpg']);
    await index.close();
  });

  test('a file that is cut while it is read is refused, one that grows is not', async () => {
    const path = join(folder, 'cut.txt');
    await writeFile(path, 'aaaa 1\nbbbb 2\ncccc 3\n');
    const index = await LineIndex.open(path, { stride: 8 });
    await appendFile(path, 'dddd 4\n');
    expect(await index.lines([2, 0])).toEqual(['cccc 3', 'aaaa 1']);
    await truncate(path, 10);
    await expect(index.lines([0, 2])).rejects.toThrow(`${path} is shorter than the 21 bytes`);
    await index.close();
  });

  test.each([
    ['Latin 1', Buffer.from('a 1\n\xe9 2\n', 'latin1'), ':2: is not UTF-8 text'],
    ['NUL', Buffer.from('a 1\nb\0 2\n'), ':2: holds a NUL character'],
    ['an endless line', Buffer.alloc((8 << 20) + 1, 'x'), ':1: a record is longer than 8 MiB'],
    ['an endless line in the middle', Buffer.from(`a\n${'x'.repeat((8 << 20) + 1)}\nb`), ':2: a record is longer'],
  ])('%s is refused with file and line', async (_, content, message) => {
    const path = join(folder, 'no-text.txt');
    await writeFile(path, content);
    const read = async () => {
      const index = await LineIndex.open(path);
      try {
        return await index.lines([0, 1]);
      } finally {
        await index.close();
      }
    };
    await expect(read()).rejects.toThrow(`${path}${message}`);
  });
});
