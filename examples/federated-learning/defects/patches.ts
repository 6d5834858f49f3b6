/** Patches of the photographs, as files that a camera over a belt would leave, and back to training samples. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PNG } from 'pngjs';
import { readTxt } from '../../../sdk/index.ts';
import type { OnnxSamples, Random } from '../../../sdk/estimators/onnx/index.ts';
import { kinds, side, withDefect, type Kind, type Patch } from './defects.ts';

/** Who makes what: each factory sees one material. */
export const materials = { 'edge-1': 'brick', 'edge-2': 'gravel', 'edge-3': 'grass' } as const;
export type Place = keyof typeof materials;
export const places = Object.keys(materials) as Place[];

const pixels = side * side;
/** Columns of a photograph that belong to the factories; the test set comes from what is right of them. */
const trainColumns = 352;

interface Photograph {
  width: number;
  height: number;
  grey: Uint8Array;
}

/** A grey photograph of this folder, by the name of its material. */
export function photograph(material: string): Photograph {
  const file = join(import.meta.dirname, 'photographs', `${material}.png`);
  const { width, height, data } = PNG.sync.read(readFileSync(file));
  return { width, height, grey: Uint8Array.from({ length: width * height }, (_, i) => data[i * 4] ?? 0) };
}

/** Endless patches of one part of a photograph, at random places. */
export function* patchesOf(photo: Photograph, part: 'train' | 'test', random: Random): Generator<Patch, never> {
  const [left, right] = part === 'train' ? [0, trainColumns] : [trainColumns, photo.width];
  while (true) {
    const x = left + Math.floor(random.uniform() * (right - left - side));
    const y = Math.floor(random.uniform() * (photo.height - side));
    yield Uint8Array.from(
      { length: pixels },
      (_, i) => photo.grey[(y + Math.floor(i / side)) * photo.width + x + (i % side)] ?? 0,
    );
  }
}

/** Writes patches as PGM files with an index (`<path> <label>` a line), so many of each kind. */
export function writeSet(
  directory: string,
  sources: readonly Generator<Patch, never>[],
  counts: Readonly<Record<Kind, number>>,
  random: Random,
): void {
  mkdirSync(join(directory, 'images'), { recursive: true });
  const lines = sources.flatMap((source, s) =>
    kinds.flatMap((kind, label) =>
      Array.from({ length: counts[kind] }, (_, i) => {
        const path = join('images', `${s}-${kind}-${String(i).padStart(3, '0')}.pgm`);
        const patch = withDefect(source.next().value, kind, random);
        writeFileSync(join(directory, path), Buffer.concat([Buffer.from(`P5\n${side} ${side}\n255\n`), patch]));
        return `${path} ${label}`;
      }),
    ),
  );
  writeFileSync(join(directory, 'index.txt'), `${lines.join('\n')}\n`);
}

/** Reads an index of patches; their paths are relative to it. */
export async function readPatches(index: string): Promise<OnnxSamples> {
  const source = await readTxt([index]);
  const inputs = new Float32Array(source.length * pixels);
  for (const [i, path] of source.x.entries()) {
    const image = (await readFile(join(dirname(index), String(path)))).subarray(-pixels);
    if (image.length !== pixels) throw new Error(`${path} of ${index} is no patch of ${side} x ${side} pixels`);
    inputs.set(
      Float32Array.from(image, (grey) => grey / 255),
      i * pixels,
    );
  }
  return { inputs, labels: Int32Array.from(source.y, Number), shape: [1, side, side], count: source.length };
}
