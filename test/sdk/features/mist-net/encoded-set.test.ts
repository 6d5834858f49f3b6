import { describe, expect, test } from '@jest/globals';
import { mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkEncoded,
  readEncoded,
  writeEncoded,
  type EncodedExpectation,
} from '../../../../sdk/features/federated/mist-net/encoded-set.ts';
import { writing, type TensorLayout } from '../../../../sdk/tensors/index.ts';

const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'encoded-'));
const file = join(directory, 'encoded.safetensors');
const code = { bits: 1, low: 0, high: 1, epsilon: 100 };
const expected = (change: Partial<EncodedExpectation> = {}): EncodedExpectation => ({
  cut: { shape: [2, 5], outputs: 3, classes: 3 },
  code,
  policy: {},
  ...change,
});
/** Two samples of ten features: two bytes each, of whose last one two bits are used. */
const features = {
  inputs: Float32Array.from({ length: 20 }, (_, i) => (i % 3) - 1),
  shape: [2, 5],
  labels: Int32Array.of(2, 0),
  count: 2,
};

/** A file of these tensors, whatever they are. */
async function put(
  tensors: Record<string, [dtype: TensorLayout['dtype'], shape: number[], raw: Uint8Array]>,
): Promise<void> {
  const layouts = Object.entries(tensors).map(([name, [dtype, shape]]) => ({ name, dtype, shape }));
  await writing(file, layouts, async (writer) => {
    for (const { name } of writer.entries) await writer.write(name, 0, tensors[name]?.[2] ?? new Uint8Array());
  });
}
const u8 = (...bytes: number[]) => Uint8Array.from(bytes);
const i32 = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer);
const bits: [TensorLayout['dtype'], number[], Uint8Array] = ['U8', [2, 2], u8(255, 3, 0, 1)];
const labels: [TensorLayout['dtype'], number[], Uint8Array] = ['I32', [2, 1], i32(0, 2)];
const reasonOf = async (samples: unknown = 2, change: Partial<EncodedExpectation> = {}) =>
  (await checkEncoded({ file, samples }, expected(change)))?.reason;

describe('encoded features', () => {
  test('as they are written they may count, and are read as they were', async () => {
    await writeEncoded(file, features, code);
    expect(await reasonOf()).toBeUndefined();
    const set = await readEncoded(file);
    expect({ count: set.count, labels: set.labels }).toEqual({ count: 2, labels: features.labels });
    expect([...set.bits]).toHaveLength(4);
  });

  test('labels may be values, a row for each sample', async () => {
    await writeEncoded(file, { ...features, labels: Float32Array.of(0, 0.5, 1, 1, 0, 0) }, code);
    expect(await reasonOf()).toBeUndefined();
    expect((await readEncoded(file)).labels).toEqual(Float32Array.of(0, 0.5, 1, 1, 0, 0));
  });

  test.each([
    ['a count that is none', { bits, labels }, 'BadSampleCount', -1, {}],
    ['more samples than it has', { bits, labels }, 'ShapeMismatch', 3, {}],
    [
      'more than policy allows',
      { bits, labels },
      'TooManySamples',
      2,
      { policy: { maxSamplesFactor: 1 }, datasetSamples: 1 },
    ],
    ['no bits', { labels }, 'TensorsMissing', 2, {}],
    [
      'features in clear beside them',
      { bits, labels, features: ['F32', [1], u8(0, 0, 0, 0)] },
      'TensorsUnknown',
      2,
      {},
    ],
    ['features in clear in their place', { bits: ['F32', [2, 2], new Uint8Array(16)], labels }, 'DtypeMismatch', 2, {}],
    ['bits of another cut', { bits: ['U8', [2, 1], u8(1, 2)], labels }, 'ShapeMismatch', 2, {}],
    ['bits behind the last feature', { bits: ['U8', [2, 2], u8(255, 3, 0, 4)], labels }, 'BitsInvalid', 2, {}],
    ['a class that there is not', { bits, labels: ['I32', [2, 1], i32(0, 3)] }, 'LabelsInvalid', 2, {}],
    ['a class below 0', { bits, labels: ['I32', [2, 1], i32(-1, 0)] }, 'LabelsInvalid', 2, {}],
    ['too few labels', { bits, labels: ['I32', [1, 1], i32(0)] }, 'ShapeMismatch', 2, {}],
    ['labels of a type that nobody reads', { bits, labels: ['U8', [2, 1], u8(0, 1)] }, 'DtypeMismatch', 2, {}],
    [
      'values that are none',
      { bits, labels: ['F32', [2, 3], new Uint8Array(new Float32Array(6).fill(NaN).buffer)] },
      'NotFinite',
      2,
      {},
    ],
  ] as [string, Parameters<typeof put>[0], string, number, Partial<EncodedExpectation>][])(
    'with %s must not count',
    async (_name, tensors, reason, samples, change) => {
      await put(tensors);
      expect(await reasonOf(samples, change)).toBe(reason);
    },
  );

  test('a file that is none, or is cut, must not count', async () => {
    writeFileSync(file, 'bits');
    expect(await reasonOf()).toBe('NotTensors');
    await writeEncoded(file, features, code);
    truncateSync(file, 40);
    expect(await reasonOf()).toBe('NotTensors');
  });
});
