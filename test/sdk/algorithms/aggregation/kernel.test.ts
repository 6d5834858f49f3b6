import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { Kernel, writing } from '../../../../sdk/index.ts';
import type { FloatDtype, TensorFile, WrittenTensors } from '../../../../sdk/index.ts';
import { SOURCE_SHA256 } from '../../../../sdk/algorithms/aggregation/kernel/wasm-binary.ts';
import { sortingNetwork } from '../../../../sdk/algorithms/aggregation/kernel/sorting-network.ts';
import { encodeElements } from '../../../../sdk/tensors/elements.ts';
import { Folder } from './support/tensors.ts';

let folder: Folder;
const kernels: Kernel[] = [];
beforeEach(async () => {
  folder = await Folder.make();
});
afterEach(async () => {
  await Promise.all(kernels.splice(0).map((kernel) => kernel.close()));
  await folder.close();
});

function kernel(options: ConstructorParameters<typeof Kernel>[0]): Kernel {
  const made = new Kernel(options);
  kernels.push(made);
  return made;
}

const inline = () => kernel({ threads: 0 });

/** All operations on the same inputs, as digests. */
async function digests(on: Kernel, inputs: TensorFile[]): Promise<string[]> {
  const k = inputs.length;
  const weights = inputs.map((_, i) => (i + 1) / ((k * (k + 1)) / 2));
  const written: WrittenTensors[] = [
    await on.mean(inputs, weights, folder.at('mean')),
    await on.ranked(inputs, weights, folder.at('ranked')),
    await on.closest(inputs, Math.max(1, k - 2), folder.at('closest')),
  ];
  return [...written.map(({ sha256 }) => sha256), (await on.distances(inputs)).join(' ')];
}

test('the binary was built from the source beside it', () => {
  const source = new URL('../../../../sdk/algorithms/aggregation/kernel/kernel.wat', import.meta.url);
  expect(createHash('sha256').update(readFileSync(source)).digest('hex')).toBe(SOURCE_SHA256);
});

test.each(Array.from({ length: 33 }, (_, k) => k))('the network of %i sorts every list of zeros and ones', (k) => {
  // A network sorts everything iff it sorts these (Knuth, 5.3.4, theorem Z): all of them for few, the steps and samples for many.
  const network = sortingNetwork(k);
  const sorts = (bits: number[]): boolean => {
    for (let i = 0; i < network.length; i += 2) {
      const [a, b] = [network[i] as number, network[i + 1] as number];
      if ((bits[a] as number) > (bits[b] as number)) [bits[a], bits[b]] = [bits[b] as number, bits[a] as number];
    }
    return bits.every((bit, i) => i === 0 || bit >= (bits[i - 1] as number));
  };
  if (k <= 12) {
    for (let mask = 0; mask < 2 ** k; mask++)
      expect(sorts(Array.from({ length: k }, (_, i) => (mask >> i) & 1))).toBe(true);
  } else {
    fc.assert(fc.property(fc.array(fc.constantFrom(0, 1), { minLength: k, maxLength: k }), sorts), { numRuns: 2000 });
  }
});

describe.each<FloatDtype>(['F32', 'F64', 'F16'])('%s', (dtype) => {
  test('hand-computed', async () => {
    const inputs = [
      await folder.file({ a: [1, 10, -3], b: [0.5] }, dtype),
      await folder.file({ a: [2, 30, -1], b: [0.25] }, dtype),
      await folder.file({ a: [6, 20, -2], b: [0] }, dtype),
    ];
    const on = inline();
    expect(await folder.read((await on.mean(inputs, [0.5, 0.25, 0.25], folder.at('o'))).path)).toEqual({
      a: [2.5, 17.5, -2.25],
      b: [0.3125],
    });
    expect(await folder.read((await on.ranked(inputs, [0, 0.5, 0.5], folder.at('o'))).path)).toEqual({
      a: [4, 25, -1.5],
      b: [0.375],
    });
    // Median 2, 20, -2, 0.25: of two as near, the lower pair.
    expect(await folder.read((await on.closest(inputs, 2, folder.at('o'))).path)).toEqual({
      a: [1.5, 15, -2.5],
      b: [0.125],
    });
    const d01 = 1 + 400 + 4 + 0.0625;
    const d02 = 25 + 100 + 1 + 0.25;
    const d12 = 16 + 100 + 1 + 0.0625;
    expect([...(await on.distances(inputs))]).toEqual([0, d01, d02, d01, 0, d12, d02, d12, 0]);
  });

  test('the same bytes with and without WebAssembly, with none, one and three threads', async () => {
    const finite = { noNaN: true, noDefaultInfinity: true };
    const number =
      dtype === 'F64'
        ? fc.double(finite)
        : dtype === 'F32'
          ? fc.float(finite)
          : fc.double({ ...finite, min: -65_000, max: 65_000 });
    const kinds = [
      kernel({ threads: 0, wasm: true }),
      kernel({ threads: 0, wasm: false }),
      kernel({ threads: 1 }),
      kernel({ threads: 3 }),
    ];
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 0, max: 20 }),
    );
    const models = sizes.chain(([k, a, b]) => {
      const list = (length: number) => fc.array(number, { minLength: length, maxLength: length });
      return fc.array(fc.record({ a: list(a), b: list(b) }), { minLength: k, maxLength: k });
    });
    await fc.assert(
      fc.asyncProperty(models, async (values) => {
        const inputs = await Promise.all(values.map((one) => folder.file(one, dtype)));
        const reference = await digests(kinds[0] as Kernel, inputs);
        for (const other of kinds.slice(1)) expect(await digests(other, inputs)).toEqual(reference);
      }),
      { numRuns: 15 },
    );
  });
});

test('many blocks and segments: every element against a loop in doubles', async () => {
  const [k, n] = [5, 1_300_003];
  const value = (client: number, i: number): number => Math.fround(Math.sin(i * 0.37 + client * 1.7) * (client + 1));
  const inputs: TensorFile[] = [];
  for (let client = 0; client < k; client++) {
    const name = folder.at(`big${client}`);
    const layouts = [
      { name: 'head', dtype: 'F32' as const, shape: [3] },
      { name: 'tail', dtype: 'F32' as const, shape: [n - 3] },
    ];
    await writing(name, layouts, async (writer) => {
      await writer.write(
        'head',
        0,
        encodeElements(
          'F32',
          Float64Array.from({ length: 3 }, (_, i) => value(client, i)),
        ),
      );
      await writer.write(
        'tail',
        0,
        encodeElements(
          'F32',
          Float64Array.from({ length: n - 3 }, (_, i) => value(client, i + 3)),
        ),
      );
    });
    inputs.push(await folder.open(name));
  }
  const weights = [0.1, 0.2, 0.3, 0.15, 0.25];
  const [two, none] = [kernel({ threads: 2 }), kernel({ threads: 0, wasm: false })];
  const out = await two.mean(inputs, weights, folder.at('out'));
  const { head = [], tail = [] } = await folder.read(out.path);
  const got = [...head, ...tail];
  const wrong = got.findIndex((one, i) => {
    let sum = 0;
    for (let client = 0; client < k; client++) sum += (weights[client] as number) * value(client, i);
    return one !== Math.fround(sum);
  });
  expect(got).toHaveLength(n);
  expect(wrong).toBe(-1);
  expect(createHash('sha256').update(readFileSync(out.path)).digest('hex')).toBe(out.sha256);
  expect(await two.distances(inputs)).toEqual(await none.distances(inputs));
});

describe('what cannot be combined', () => {
  const layouts: [string, Record<string, number[]>, FloatDtype][] = [
    ['another shape', { a: [1, 2] }, 'F32'],
    ['another name', { b: [1] }, 'F32'],
    ['one more', { a: [1], b: [1] }, 'F32'],
    ['none', {}, 'F32'],
    ['another dtype', { a: [1] }, 'F64'],
  ];
  test.each(layouts)('%s', async (_, values, dtype) => {
    const files = [await folder.file({ a: [1] }), await folder.file(values, dtype)];
    await expect(inline().mean(files, [0.5, 0.5], folder.at('o'))).rejects.toMatchObject({ reason: 'LayoutMismatch' });
    await expect(inline().mean(files.toReversed(), [0.5, 0.5], folder.at('o'))).rejects.toMatchObject({
      reason: 'LayoutMismatch',
    });
  });

  test('no files at all', async () => {
    await expect(inline().mean([], [], folder.at('o'))).rejects.toMatchObject({ reason: 'LayoutMismatch' });
  });

  test('a failure in a thread is told, leaves no file, and the thread goes on', async () => {
    const on = kernel({ threads: 1 });
    const [good, gone] = [await folder.file({ a: [1] }), await folder.file({ a: [1] })];
    const fd = gone.fd;
    const closed = Object.create(gone, { fd: { value: 999_999 } }) as TensorFile;
    expect(fd).toBeGreaterThan(0);
    await expect(on.mean([good, closed], [0.5, 0.5], folder.at('o'))).rejects.toThrow('EBADF');
    expect(readdirSync(folder.path).sort()).toEqual(['t0', 't1']);
    expect(await folder.read((await on.mean([good, gone], [0.5, 0.5], folder.at('o'))).path)).toEqual({ a: [1] });
  });
});

test.each([0, 2])('digests of files, with %i threads', async (threads) => {
  const one = kernel({ threads });
  const { path, sha256, bytes } = await folder.write({ w: Array.from({ length: 200_000 }, (_, i) => i) });
  expect(await one.digest(path)).toEqual({ sha256, bytes });
  await expect(one.digest(folder.at('nothing'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await one.digest(path)).toEqual({ sha256, bytes });
});
