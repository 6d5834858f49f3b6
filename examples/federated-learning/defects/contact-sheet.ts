import { writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import { Random } from '../../../sdk/estimators/onnx/index.ts';
import { kinds, side, withDefect } from './defects.ts';
import { materials, patchesOf, photograph, places } from './patches.ts';

const zoom = 3;
const gap = 6;
const each = 2;

/** Writes a picture of patches: a row per material, and of each kind two columns. */
export function writeContactSheet(file: string): void {
  const cell = side * zoom + gap;
  const sheet = new PNG({
    width: cell * kinds.length * each + gap,
    height: cell * places.length + gap,
    colorType: 0,
    inputColorType: 0,
    inputHasAlpha: false,
  });
  sheet.data = Buffer.alloc(sheet.width * sheet.height, 255);
  for (const [row, place] of places.entries()) {
    const random = new Random(row + 11);
    const source = patchesOf(photograph(materials[place]), 'train', random);
    for (const [column, kind] of kinds.flatMap((name) => Array.from({ length: each }, () => name)).entries()) {
      const patch = withDefect(source.next().value, kind, random);
      for (let y = 0; y < side * zoom; y++) {
        for (let x = 0; x < side * zoom; x++) {
          const grey = patch[Math.floor(y / zoom) * side + Math.floor(x / zoom)] ?? 0;
          sheet.data[(gap + row * cell + y) * sheet.width + gap + column * cell + x] = grey;
        }
      }
    }
  }
  writeFileSync(file, PNG.sync.write(sheet, { colorType: 0, inputColorType: 0, inputHasAlpha: false }));
}
