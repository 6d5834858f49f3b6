/** Test data of a job as a model takes it, without code of the user: numbers of csv or json records, or grey and colour images (PGM, PPM). */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { readCsv, readJson, readTxt, type BaseDataSource } from '../../datasources/index.ts';
import type { OnnxSamples } from '../../estimators/onnx/samples.ts';
import { readPortableMap } from './portable-map.ts';

export interface TestDataOptions {
  /** txt, csv or json. */
  format: string;
  /** Column or member that holds the label; txt has it as the second word of a line. */
  label: string;
  /** `classes`: whole numbers from 0. `values`: a number or a list of them. */
  labels: 'classes' | 'values';
  /** Shape of one sample as the model wants it, -1 for an axis of any length; a sample of another number of values stays a row. */
  shape: readonly number[];
}

/** What the test data lacks, with the sample (from 1) that shows it. */
export class TestDataError extends Error {
  override name = 'TestDataError';
  readonly reason = 'DatasetUnreadable';
}

/** Reads a whole index file. Throws `TestDataError` for what cannot be read. */
export async function readTestData(file: string, options: TestDataOptions): Promise<OnnxSamples> {
  try {
    const { x, y } = await read(file, options);
    if (x.length === 0) throw new TestDataError(`${file} has no samples`);
    return arranged(await rowsOf(file, x), y, { ...options, file });
  } catch (error) {
    if (error instanceof TestDataError) throw error;
    throw new TestDataError((error as Error).message, { cause: error });
  }
}

function read(file: string, { format, label }: TestDataOptions): Promise<BaseDataSource> {
  if (format.toLowerCase() === 'csv') return readCsv([file], { label });
  if (format.toLowerCase() === 'json') return readJson([file], { label });
  return readTxt([file]);
}

async function rowsOf(file: string, samples: readonly unknown[]): Promise<number[][]> {
  const rows: number[][] = [];
  for (const [i, sample] of samples.entries()) {
    // Paths of a txt index are relative to it.
    const values = typeof sample === 'string' ? await imageOf(resolve(dirname(file), sample)) : numbersOf(sample);
    if (values === undefined) throw new TestDataError(`${file}: sample ${i + 1} holds something that is no number`);
    rows.push(values);
  }
  return rows;
}

async function imageOf(path: string): Promise<number[]> {
  return [...readPortableMap(await readFile(path), path)];
}

/** All numbers of a record in the order in which they stand there, of lists too. */
function numbersOf(value: unknown): number[] | undefined {
  if (typeof value === 'number') return [value];
  if (typeof value !== 'object' || value === null) return undefined;
  const parts = Object.values(value).map(numbersOf);
  return parts.includes(undefined) ? undefined : parts.flatMap((part) => part ?? []);
}

function arranged(
  rows: number[][],
  y: readonly unknown[],
  { shape, labels, file }: TestDataOptions & { file: string },
): OnnxSamples {
  const width = rows[0]?.length ?? 0;
  const odd = rows.findIndex((row) => row.length !== width);
  if (odd >= 0) {
    throw new TestDataError(`${file}: sample ${odd + 1} has ${rows[odd]?.length} values, the first one ${width}`);
  }
  const targets = y.map((label, i) => {
    const values = numbersOf(typeof label === 'string' ? Number(label) : label);
    if (values === undefined || values.some(Number.isNaN)) {
      throw new TestDataError(`${file}: sample ${i + 1}: its label ${JSON.stringify(label)} is no number`);
    }
    return values;
  });
  const flat = targets.flat();
  return {
    inputs: Float32Array.from(rows.flat()),
    shape: fits(shape, width) ? shape.map((size) => (size === -1 ? width / fixed(shape) : size)) : [width],
    labels: labels === 'classes' ? Int32Array.from(flat) : Float32Array.from(flat),
    count: rows.length,
  };
}

const fixed = (shape: readonly number[]): number =>
  shape.filter((size) => size !== -1).reduce((product, size) => product * size, 1);

function fits(shape: readonly number[], width: number): boolean {
  const open = shape.filter((size) => size === -1).length;
  return open === 0 ? fixed(shape) === width : open === 1 && width % fixed(shape) === 0;
}
