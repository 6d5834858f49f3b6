/**
 * `node prepare.ts [DIR]`: the patches of three factories, a test set for all of them, and an untrained first model. Each factory has one
 * material, and mostly one kind of defect: none could learn to see all defects on all materials alone.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Random } from '../../../sdk/estimators/onnx/index.ts';
import { writeContactSheet } from './contact-sheet.ts';
import type { Kind } from './defects.ts';
import { defectEstimator } from './estimator.ts';
import { materials, patchesOf, photograph, places, writeSet, type Place } from './patches.ts';

const counts: Record<Place, Record<Kind, number>> = {
  'edge-1': { good: 200, scratch: 30, hole: 140, stain: 30 },
  'edge-2': { good: 200, scratch: 140, hole: 30, stain: 30 },
  'edge-3': { good: 200, scratch: 30, hole: 30, stain: 140 },
};
/** Of each material. */
const testCounts: Record<Kind, number> = { good: 50, scratch: 50, hole: 50, stain: 50 };

export async function prepare(directory: string): Promise<void> {
  rmSync(directory, { recursive: true, force: true });
  for (const [n, place] of places.entries()) {
    const random = new Random(n + 1);
    writeSet(join(directory, place), [patchesOf(photograph(materials[place]), 'train', random)], counts[place], random);
  }
  const random = new Random(places.length + 1);
  const sources = places.map((place) => patchesOf(photograph(materials[place]), 'test', random));
  writeSet(join(directory, 'test'), sources, testCounts, random);
  writeContactSheet(join(directory, 'patches.png'));
  mkdirSync(join(directory, 'models'), { recursive: true });
  const estimator = defectEstimator();
  await estimator.save(join(directory, 'models', 'defects.onnx'));
  await estimator.close();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = process.argv[2] ?? '/tmp/sedna-defects';
  await prepare(directory);
  console.log(`three datasets, a test set and the first model are in ${directory}`);
}
