import { beforeAll, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  allDigits,
  classes,
  pixels,
  readDigits,
  readImage,
} from '../../../../examples/incremental-learning/mnist/digits.ts';
import { feed } from '../../../../examples/incremental-learning/mnist/feed.ts';
import { initialSamples } from '../../../../examples/incremental-learning/mnist/prepare.ts';

describe('digits on disk', () => {
  const folder = mkdtempSync(join(process.env.TEST_RUN_DIR ?? tmpdir(), 'digits-'));
  const index = join(folder, 'data', 'index.txt');

  beforeAll(() => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(index, '');
  });

  it('are at most 1000 whole images of each class, none blank', () => {
    const digits = allDigits();
    expect(digits).toHaveLength(9_756);
    expect([...new Set(digits.map(({ label }) => label))].sort()).toEqual(Array.from({ length: classes }, (_, i) => i));
    expect(digits.filter(({ image }) => image.length !== pixels || Math.max(...image) === 0)).toEqual([]);
  });

  it('go on where the last feeding ended, behind those of the first model', async () => {
    expect(feed(folder, 3)).toBe(3);
    expect(feed(folder, 2)).toBe(5);
    const expected = allDigits().slice(initialSamples, initialSamples + 5);
    const samples = await readDigits(index, index);
    expect(samples).toMatchObject({ count: 5, shape: [pixels] });
    expect([...(samples.labels as Int32Array)]).toEqual(expected.map(({ label }) => label));
    const greys = expected.flatMap(({ image }) => Array.from(image, (value) => Math.fround(value / 255)));
    expect(samples.inputs).toEqual(Float32Array.from(greys));
    expect(readFileSync(index, 'utf8').split('\n')[4]).toMatch(/^images\/00004\.pgm \d$/);
  });

  it('end when there are no more', () => {
    expect(feed(folder, 0)).toBe(5);
    const all = allDigits().length - initialSamples;
    writeFileSync(index, 'images/00000.pgm 1\n'.repeat(all - 1));
    expect(feed(folder, 10)).toBe(all);
    expect(feed(folder, 10)).toBe(all);
  });

  it('are refused by name when they are no images', async () => {
    const file = join(folder, 'broken.pgm');
    writeFileSync(file, 'P5\n28 28\n255\n');
    await expect(readImage(file)).rejects.toThrow(`${file} is not a PGM image of 28 x 28 pixels`);
  });
});
