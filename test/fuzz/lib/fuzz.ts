/** Fuzzing from the corpus: how often, and how its files are changed. fast-check prints seed and path of what it finds. */
import fc from 'fast-check';
import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const directory = join(import.meta.dirname, '..', '..', 'corpus');
/** Larger files are for the corpus: a fuzzer needs many runs. */
const maxSeedBytes = 16 * 1024;

/** `numRuns`: enough for a few seconds, or what `FUZZ_RUNS` says. */
export function params(numRuns: number): { numRuns: number; seed?: number } {
  const { FUZZ_RUNS: runs, FUZZ_SEED: seed } = process.env;
  return {
    numRuns: runs === undefined ? numRuns : Number(runs),
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  };
}

/** Bound of a whole fuzzer: generous for long runs. */
export const boundMs = process.env['FUZZ_RUNS'] === undefined ? 60_000 : 24 * 3_600_000;

/** Files of a folder of the corpus. */
export function seeds(folder: string): Buffer[] {
  return readdirSync(join(directory, folder))
    .sort()
    .map((name) => join(directory, folder, name))
    .filter((file) => lstatSync(file).isFile() && lstatSync(file).size <= maxSeedBytes)
    .map((file) => readFileSync(file));
}

/** One file of the corpus with a few edits: bytes changed, parts removed, repeated, cut off, put in from elsewhere. */
export function mutated(files: readonly Buffer[], tokens: readonly string[] = []): fc.Arbitrary<Buffer> {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const edit = fc.oneof(
    fc.record({ at: place, length: fc.constant(1), put: fc.uint8Array({ minLength: 1, maxLength: 1 }) }),
    fc.record({ at: place, length: fc.nat(40), put: fc.constant(new Uint8Array()) }),
    fc.record({ at: place, length: fc.nat(4), put: fc.uint8Array({ maxLength: 8 }) }),
    fc.record({ at: place, length: fc.constant(Infinity), put: fc.constant(new Uint8Array()) }),
    fc.record({
      at: place,
      length: fc.nat(8),
      put: fc.constantFrom(...tokens, '', '\0', '\n').map((text) => Buffer.from(text)),
    }),
    fc.record({ at: place, length: fc.nat(8), put: part(files) }),
  );
  return fc
    .tuple(fc.constantFrom(...files), fc.array(edit, { maxLength: 4 }))
    .map(([file, edits]) => edits.reduce<Buffer>(apply, file));
}

interface Edit {
  at: number;
  length: number;
  put: Uint8Array;
}

function apply(bytes: Buffer, { at, length, put }: Edit): Buffer {
  const start = Math.floor(at * (bytes.length + 1));
  return Buffer.concat([bytes.subarray(0, start), put, bytes.subarray(Math.min(bytes.length, start + length))]);
}

function part(files: readonly Buffer[]): fc.Arbitrary<Uint8Array> {
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  return fc
    .tuple(fc.constantFrom(...files), place, fc.nat(64))
    .map(([file, at, length]) => file.subarray(Math.floor(at * file.length)).subarray(0, length));
}

/** Values that are rarely what is expected. */
export const odd = fc.oneof(
  fc.constantFrom(null, true, '', '0', 0, -0, -1, 0.5, 1e308, -1e308, 5e-324, 2 ** 31, 2 ** 53, NaN, Infinity),
  fc.constantFrom('../x', '/x', '\u202e', '😀', 'a\0b', '24:00', '__proto__', 'constructor', 's3://b/k'),
  fc.string({ maxLength: 12, unit: 'binary' }),
  fc.constant([]),
  fc.constant({}),
);

/** A JSON value with one member or element replaced, removed or added somewhere. */
export function perturbed(values: readonly unknown[]): fc.Arbitrary<unknown> {
  const steps = fc.array(fc.nat(), { minLength: 1, maxLength: 8 });
  return fc
    .tuple(fc.constantFrom(...values), steps, fc.oneof(odd, fc.constant(undefined)), fc.string({ maxLength: 8 }))
    .map(([value, path, put, key]) => {
      const copy: unknown = structuredClone(value);
      let at = copy;
      for (const [index, step] of path.entries()) {
        if (typeof at !== 'object' || at === null) break;
        const keys = Object.keys(at);
        const name = keys.length === 0 ? key : (keys[step % keys.length] ?? key);
        const next: unknown = (at as Record<string, unknown>)[name];
        const last = index === path.length - 1 || typeof next !== 'object' || next === null;
        if (last) Object.assign(at, { [step % 7 === 0 ? key : name]: put });
        at = next;
      }
      return copy;
    });
}
