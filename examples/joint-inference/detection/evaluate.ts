/** `node evaluate.ts [DIR]`: canvases whose digits are all found, by the edge, both together and the cloud, for a range of thresholds. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FileModel, hardExampleMiner } from '../../../sdk/index.ts';
import { cornersOf, empty, pngOf, type Canvas } from './canvases.ts';
import { testCanvases } from './prepare.ts';

/** x1, y1, x2, y2, score, class. */
export type Box = number[];

/** As in `service.yaml`. */
const signature = {
  preprocess: { channels: 'Gray' as const },
  postprocess: { boxes: { format: 'XYXY' as const, scoreThreshold: 0.3 } },
};

async function detect(file: string, tests: readonly Canvas[]): Promise<Box[][]> {
  const model = new FileModel({ name: 'detector', file, signature });
  await model.load();
  const found: Box[][] = [];
  for (const canvas of tests) {
    const feeds = { input: { datatype: 'string' as const, shape: [1], data: [pngOf(canvas)] } };
    const { boxes, count } = (await model.infer(feeds)).outputs;
    const values = Array.from(boxes?.data as Float32Array);
    found.push(Array.from({ length: Number(count?.data[0]) }, (_, i) => values.slice(i * 6, (i + 1) * 6)));
  }
  await model.close();
  return found;
}

/** Every digit in its cell, and nothing else. */
export function isRight({ labels }: Canvas, boxes: readonly Box[]): boolean {
  const wanted = labels.flatMap((label, cell) => (label === empty ? [] : [[...cornersOf(cell), label].join()]));
  const given = boxes.map(([x1, y1, x2, y2, , label]) => [x1, y1, x2, y2, label].join());
  return wanted.sort().join(' ') === given.sort().join(' ');
}

export interface Point {
  threshold: number;
  uploadRatio: number;
  accuracy: number;
}

/** Thresholds of a single box; half of the boxes must be below it. 0: nothing goes to the cloud. */
export async function tradeOff(directory: string, thresholds: readonly number[]): Promise<Point[]> {
  const tests = testCanvases();
  const [little, big] = [
    await detect(join(directory, 'little.onnx'), tests),
    await detect(join(directory, 'big.onnx'), tests),
  ];
  return thresholds.map((threshold) => {
    const isHard = hardExampleMiner('IBT', { threshold_img: 0.5, threshold_box: threshold });
    const hard = little.map((boxes) => isHard(boxes) === true);
    const right = tests.filter((canvas, i) => isRight(canvas, (hard[i] ? big[i] : little[i]) ?? []));
    return {
      threshold,
      uploadRatio: hard.filter(Boolean).length / tests.length,
      accuracy: right.length / tests.length,
    };
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  console.log('threshold   to the cloud      right');
  for (const { threshold, uploadRatio, accuracy } of await tradeOff(
    process.argv[2] ?? '/tmp/sedna-detection',
    [0, 0.5, 0.7, 0.8, 0.9, 0.95, 1],
  )) {
    console.log(
      `${String(threshold).padStart(9)} ${percent(uploadRatio).padStart(14)} ${percent(accuracy).padStart(10)}`,
    );
  }
}
