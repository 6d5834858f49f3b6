import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { join } from 'node:path';
import { withTensors, writeWeights } from '../../../../sdk/tensors/index.ts';
import { exceedsReply, writeTensor } from '../../../../workers/lib/gateway/reply-text.ts';
import { temporaryFolder } from '../../../support/cli.ts';
import { isKept } from '../../../support/denormals.ts';

type Nested = number | Nested[];

const folder = temporaryFolder('reply-text');

async function fileOf(shape: number[], data: number[]): Promise<string> {
  return (await writeWeights(join(folder, 'tensor.safetensors'), { '00000': { shape, data: Float32Array.from(data) } }))
    .path;
}

/** Text of the one tensor; undefined when it was stopped. */
async function textOf(path: string, room = Infinity): Promise<string | undefined> {
  let text = '';
  const isWhole = await withTensors(path, (file) =>
    writeTensor(file, file.entry('00000'), (part) => (text += part).length <= room),
  );
  return isWhole ? text : undefined;
}

function nested([size, ...rest]: number[], values: number[]): Nested {
  if (size === undefined) return values.shift() as number;
  return Array.from({ length: size }, () => nested(rest, values));
}

const tensor = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }).chain((shape) => {
  const elements = shape.reduce((product, size) => product * size, 1);
  const value = fc.float({ noDefaultInfinity: true, noNaN: true }).filter(isKept);
  return fc.tuple(fc.constant(shape), fc.array(value, { minLength: elements, maxLength: elements }));
});

test('any tensor reads back as the nested lists of its shape', async () => {
  await fc.assert(
    fc.asyncProperty(tensor, async ([shape, data]) => {
      const text = (await textOf(await fileOf(shape, data))) ?? '';
      expect(JSON.parse(text, (_, value: unknown) => (typeof value === 'number' ? Math.fround(value) : value))).toEqual(
        nested(shape, [...data]),
      );
    }),
    { numRuns: 300 },
  );
});

test('whether it fits is known to the byte, and writing stops where it does not', async () => {
  await fc.assert(
    fc.asyncProperty(tensor, async ([shape, data]) => {
      const path = await fileOf(shape, data);
      const { length } = (await textOf(path)) ?? '';
      expect(await textOf(path, length)).toBeDefined();
      expect(await textOf(path, length - 1)).toBeUndefined();
      if (data.length > 0) {
        expect(await exceedsReply(path, length)).toBe(false);
        expect(await exceedsReply(path, length - 1)).toBe(true);
      }
    }),
    { numRuns: 100 },
  );
});

test('lists without end that hold nothing are not written', async () => {
  expect(await textOf(await fileOf([100_000, 100_000, 0], []))).toBeUndefined();
});
