import { expect, test } from '@jest/globals';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canvases, empty } from '../../../../examples/joint-inference/detection/canvases.ts';
import { trainDetector } from '../../../../examples/joint-inference/detection/detector.ts';
import { isRight, tradeOff } from '../../../../examples/joint-inference/detection/evaluate.ts';
import { temporaryFolder } from '../../../support/cli.ts';

test('a detector that is trained longer finds more, and boxes of low score are what it is asked about', async () => {
  const folder = temporaryFolder('detection');
  const few = canvases(300, { seed: 1, from: 0, digits: 1_000 });
  for (const [name, epochs] of [
    ['little', 4],
    ['big', 10],
  ] as const) {
    writeFileSync(join(folder, `${name}.onnx`), await trainDetector(few, { channels: 2, epochs }));
  }
  const [none, some, all] = await tradeOff(folder, [0, 0.7, 1]);
  expect(none?.uploadRatio).toBe(0);
  expect(some?.uploadRatio).toBeGreaterThan(0);
  expect(all?.uploadRatio).toBeGreaterThan(some?.uploadRatio ?? 1);
  expect(all?.accuracy).toBeGreaterThan((none?.accuracy ?? 1) + 0.05);
}, 60_000);

test('right is every digit in its cell and nothing else', () => {
  const canvas = { pixels: new Uint8Array(), labels: [7, empty, empty, 3] };
  const [seven, three] = [
    [0, 0, 32, 32, 0.9, 7],
    [32, 32, 64, 64, 0.8, 3],
  ];
  expect(isRight(canvas, [three, seven] as number[][])).toBe(true);
  expect(isRight(canvas, [seven] as number[][])).toBe(false);
  expect(isRight(canvas, [seven, three, [32, 0, 64, 32, 0.5, 1]] as number[][])).toBe(false);
});
