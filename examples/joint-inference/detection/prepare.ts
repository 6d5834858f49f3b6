/** `node prepare.ts [DIR]`: trains both detectors, the little one on few canvases, the big one on many. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { canvases, type Canvas } from './canvases.ts';
import { trainDetector } from './detector.ts';

const trainDigits = 6_000;

/** Of digits that neither detector has seen. */
export const testCanvases = (): Canvas[] => canvases(300, { seed: 3, from: trainDigits, digits: 2_000 });

export async function prepare(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const little = canvases(600, { seed: 1, from: 0, digits: trainDigits });
  const big = canvases(6_000, { seed: 2, from: 0, digits: trainDigits });
  writeFileSync(join(directory, 'little.onnx'), await trainDetector(little, { channels: 2, epochs: 12 }));
  writeFileSync(join(directory, 'big.onnx'), await trainDetector(big, { channels: 8, epochs: 5 }));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = process.argv[2] ?? '/tmp/sedna-detection';
  await prepare(directory);
  console.log(`both detectors are in ${directory}`);
}
