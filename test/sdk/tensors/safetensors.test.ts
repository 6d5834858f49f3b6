import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DTYPE_BYTES } from '../../../sdk/tensors/index.ts';
import {
  TensorError,
  TensorFile,
  fromHalf,
  readWeights,
  toHalf,
  withTensors,
  writeWeights,
  writing,
} from '../../../sdk/index.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tensors-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (name: string): string => path.join(folder, name);
const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

/** A file by hand: any header over any data. */
async function raw(header: string | object, data = 0, declared?: bigint): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(declared ?? BigInt(json.length));
  await writeFile(at('raw'), Buffer.concat([prefix, json, Buffer.alloc(data)]));
  return at('raw');
}

async function reasonOf(file: string): Promise<string> {
  try {
    await (await TensorFile.open(file)).close();
  } catch (error) {
    if (error instanceof TensorError) return error.reason;
    throw error;
  }
  return 'accepted';
}

const f32 = (shape: unknown, ...range: unknown[]) => ({ dtype: 'F32', shape, data_offsets: range });

describe('the canonical form', () => {
  test('has these bytes', async () => {
    await writeWeights(at('w'), {
      b: { shape: [2], data: Float32Array.of(1, -2) },
      a: { shape: [], data: Float32Array.of(0.5) },
    });
    const json =
      '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}';
    const header = json.padEnd(Math.ceil(json.length / 8) * 8, ' ');
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32LE(header.length);
    expect(await readFile(at('w'))).toEqual(Buffer.concat([prefix, Buffer.from(header), floats(0.5, 1, -2)]));
  });

  test('orders names by code point, numbers and astral characters too, and is the same whatever the order given', async () => {
    const names = ['z', '10', '9', 'ﬀ', '𝒳', 'a', '__proto__', 'constructor'];
    const layouts = names.map((name) => ({ name, dtype: 'F32' as const, shape: [1] }));
    const fill = (order: string[]) =>
      writing(at(order[0] ?? ''), layouts.toReversed(), async (writer) => {
        for (const name of order) await writer.write(name, 0, floats(names.indexOf(name)));
      });
    const [one, two] = [await fill(names), await fill(names.toSorted())];
    expect(one.sha256).toBe(two.sha256);
    expect(one.sha256).toBe(
      createHash('sha256')
        .update(await readFile(one.path))
        .digest('hex'),
    );
    await withTensors(one.path, async (file) => {
      expect(file.entries.map(({ name }) => name)).toEqual(['10', '9', '__proto__', 'a', 'constructor', 'z', 'ﬀ', '𝒳']);
      expect([...(await file.floats('𝒳'))]).toEqual([4]);
      expect(file.canonical).toBe(true);
    });
  });

  test('is told apart from other valid files of the same tensors', async () => {
    await raw({ a: f32([1], 0, 4), __metadata__: { by: 'hand' } }, 4);
    await withTensors(at('raw'), async (file) => expect(file.canonical).toBe(false));
  });

  test('any tensors come back as they were', async () => {
    const shape = fc.array(fc.nat(4), { maxLength: 3 });
    const tensor = shape.chain((dims) => {
      const length = dims.reduce((product, size) => product * size, 1);
      return fc.float32Array({ minLength: length, maxLength: length }).map((data) => ({ shape: dims, data }));
    });
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 9 }).filter((text) => text !== '__metadata__');
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, tensor, { maxKeys: 5, noNullPrototype: true }), async (weights) => {
        await writeWeights(at('any'), weights);
        expect(await readWeights(at('any'))).toEqual(weights);
      }),
      { numRuns: 60 },
    );
  });

  test('nothing is left of a file that could not be filled', async () => {
    const layouts = [{ name: 'a', dtype: 'F32' as const, shape: [1] }];
    await expect(writing(at('x'), layouts, (writer) => writer.write('a', 0, floats(1, 2)))).rejects.toThrow(
      'has 4 bytes',
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

test('more tensors than a system call reads come back', async () => {
  const weights = Object.fromEntries(
    Array.from({ length: 2_500 }, (_, i) => [`t${i}`, { shape: [i % 4], data: new Float32Array(i % 4).fill(i) }]),
  );
  await writeWeights(at('many'), weights);
  expect(await readWeights(at('many'))).toEqual(weights);
});

test('a weight is in memory of its own', async () => {
  await writeWeights(at('w'), {
    a: { shape: [1], data: Float32Array.of(1) },
    b: { shape: [2], data: Float32Array.of(2, 3) },
  });
  const { a, b } = await readWeights(at('w'));
  expect([a, b].map((one) => [one?.data.byteOffset, one?.data.buffer.byteLength])).toEqual([
    [0, 4],
    [0, 8],
  ]);
});

describe('pieces', () => {
  // Odd bytes before doubles: a mebibyte ends in the middle of one.
  const mixed = async (): Promise<string> => {
    const counts = { a: 3, b: 300_001, c: 0, d: 5 };
    const header = {
      d: { dtype: 'F32', shape: [counts.d], data_offsets: [3 + 8 * counts.b, 3 + 8 * counts.b + 4 * counts.d] },
      c: f32([0], 3 + 8 * counts.b, 3 + 8 * counts.b),
      b: { dtype: 'F64', shape: [counts.b], data_offsets: [3, 3 + 8 * counts.b] },
      a: { dtype: 'I8', shape: [counts.a], data_offsets: [0, 3] },
    };
    return raw(header, 3 + 8 * counts.b + 4 * counts.d);
  };

  test('are the whole file in order, and cut no element', async () => {
    const file = await mixed();
    const content = await readFile(file);
    const seen: Record<string, Buffer[]> = {};
    const bytes: Buffer[] = [];
    await withTensors(file, async (tensors) => {
      for await (const piece of tensors.pieces()) {
        bytes.push(Buffer.from(piece.bytes));
        for (const { entry, start, raw: part } of piece.parts) {
          const parts = (seen[entry.name] ??= []);
          expect(start * DTYPE_BYTES[entry.dtype]).toBe(Buffer.concat(parts).length);
          expect(part.length % DTYPE_BYTES[entry.dtype]).toBe(0);
          parts.push(Buffer.from(part));
        }
      }
      expect(bytes.length).toBeGreaterThan(2);
      expect(Buffer.concat(bytes).equals(content)).toBe(true);
      expect(Object.keys(seen).sort()).toEqual(['a', 'b', 'd']);
      for (const [name, parts] of Object.entries(seen)) {
        expect(Buffer.concat(parts).equals(await tensors.read(name))).toBe(true);
      }
    });
  });
});

test('a range is read without the rest', async () => {
  await writeWeights(at('w'), { a: { shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) } });
  await withTensors(at('w'), async (file) => {
    expect([...(await file.floats('a', 2, 3))]).toEqual([2, 3, 4]);
    await expect(file.read('a', 4, 3)).rejects.toMatchObject({ reason: 'RangeInvalid' });
    await expect(file.read('b')).rejects.toMatchObject({ reason: 'TensorUnknown' });
  });
});

describe('what is refused', () => {
  const cases: [string, string, () => Promise<string>][] = [
    ['an empty file', 'NotTensors', () => writeFile(at('raw'), '').then(() => at('raw'))],
    ['seven bytes', 'NotTensors', () => writeFile(at('raw'), '1234567').then(() => at('raw'))],
    ['text', 'NotTensors', () => writeFile(at('raw'), '<html>not found</html>').then(() => at('raw'))],
    ['a declared header of 2^63 bytes', 'NotTensors', () => raw('{}', 0, 2n ** 63n)],
    ['a header of 17 MiB', 'HeaderTooLarge', () => raw(`{${' '.repeat(17 * 2 ** 20)}}`)],
    ['a header that is no JSON', 'NotTensors', () => raw('{"a":')],
    [
      'a header in no UTF-8',
      'NotTensors',
      () => writeFile(at('raw'), Buffer.from('0200000000000000ff7d', 'hex')).then(() => at('raw')),
    ],
    ['a list', 'NotTensors', () => raw('[]')],
    ['metadata that is no text', 'NotTensors', () => raw({ __metadata__: { a: 1 } })],
    [
      '70 000 tensors',
      'TooManyTensors',
      () => raw(Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`t${i}`, f32([0], 0, 0)]))),
    ],
    ['a tensor that is null', 'NotTensors', () => raw({ a: null })],
    ['an unknown dtype', 'DtypeUnknown', () => raw({ a: { dtype: 'toString', shape: [1], data_offsets: [0, 4] } }, 4)],
    ['a big-endian dtype', 'DtypeUnknown', () => raw({ a: { dtype: '>F32', shape: [1], data_offsets: [0, 4] } }, 4)],
    ['a negative size', 'ShapeInvalid', () => raw({ a: f32([-1], 0, 4) }, 4)],
    ['a broken size', 'ShapeInvalid', () => raw({ a: f32([0.5], 0, 2) }, 2)],
    ['64 dimensions', 'ShapeInvalid', () => raw({ a: f32(Array(64).fill(1), 0, 4) }, 4)],
    ['a product beyond all files', 'ShapeInvalid', () => raw({ a: f32([2 ** 31, 2 ** 31], 0, 4) }, 4)],
    ['a product that wraps at 2^64 to 4 bytes', 'ShapeInvalid', () => raw({ a: f32([2 ** 32, 2 ** 32, 1], 0, 4) }, 4)],
    ['one byte less', 'OffsetsInvalid', () => raw({ a: f32([2], 0, 8) }, 7)],
    ['one byte more', 'OffsetsInvalid', () => raw({ a: f32([2], 0, 8) }, 9)],
    ['a range of another size', 'OffsetsInvalid', () => raw({ a: f32([2], 0, 12) }, 12)],
    ['overlapping ranges', 'OffsetsInvalid', () => raw({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12)],
    ['the same range twice', 'OffsetsInvalid', () => raw({ a: f32([2], 0, 8), b: f32([2], 0, 8) }, 8)],
    ['a gap', 'OffsetsInvalid', () => raw({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12)],
    ['a range that runs backwards', 'OffsetsInvalid', () => raw({ a: f32([1], 8, 4) }, 12)],
    ['a range of text', 'OffsetsInvalid', () => raw({ a: f32([1], '0', '4') }, 4)],
    ['a nameless tensor', 'NameInvalid', () => raw({ '': f32([1], 0, 4) }, 4)],
    [
      'a half surrogate as name',
      'NameInvalid',
      () => raw('{"\\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4),
    ],
    ['a folder', 'NotTensors', async () => folder],
  ];
  test.each(cases)('%s: %s', async (_, reason, make) => {
    expect(await reasonOf(await make())).toBe(reason);
  });

  test('what is valid though odd is read: no tensors, scalars, nothing along one axis', async () => {
    expect(await reasonOf(await raw('{}'))).toBe('accepted');
    expect(await reasonOf(await raw({ a: f32([], 0, 4), b: f32([0, 3], 4, 4) }, 4))).toBe('accepted');
  });

  test('a file that shrinks while it is read', async () => {
    await writeWeights(at('w'), { a: { shape: [4], data: new Float32Array(4) } });
    await withTensors(at('w'), async (file) => {
      await truncate(at('w'), file.bytes - 1);
      await expect(file.read('a')).rejects.toMatchObject({ reason: 'NotTensors' });
    });
  });
});

describe('halves', () => {
  test('every half comes back from its value', () => {
    const all = Array.from({ length: 65_536 }, (_, bits) => bits);
    const numbers = all.filter((bits) => !Number.isNaN(fromHalf(bits)));
    expect(numbers).toHaveLength(65_536 - 2 * 1023);
    expect(numbers.filter((bits) => toHalf(fromHalf(bits)) !== bits)).toEqual([]);
  });

  test('are rounded to nearest, ties to even, as the platform does where it knows halves', () => {
    const f16round = (Math as unknown as { f16round?: (value: number) => number }).f16round;
    expect(
      [65_519, 65_520, 2 ** -25, 2 ** -24 * 1.5, 1 + 2 ** -11, 1 + 3 * 2 ** -11].map((x) => fromHalf(toHalf(x))),
    ).toEqual([65_504, Infinity, 0, 2 ** -23, 1, 1 + 2 ** -9]);
    if (!f16round) return;
    fc.assert(
      fc.property(
        fc.oneof(fc.double(), fc.double({ min: -70_000, max: 70_000 }), fc.double({ min: -1e-4, max: 1e-4 })),
        (x) => {
          expect(fromHalf(toHalf(x))).toBe(f16round(x));
        },
      ),
      { numRuns: 3000 },
    );
  });
});
