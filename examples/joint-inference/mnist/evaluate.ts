/** `node evaluate.ts [DIR]`: what the edge, both together and the cloud get right of 1,000 digits, for a range of thresholds. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { OnnxModel } from '../../../sdk/estimators/onnx/index.ts';
import { classes, pixels } from '../../incremental-learning/mnist/digits.ts';
import { samplesOf, testSet } from './prepare.ts';
import { accuracyOf, plot, tradeOff, type Judged } from './trade-off.ts';

export async function judge(directory: string): Promise<Judged[]> {
  const digits = testSet();
  const { inputs } = samplesOf(digits);
  const [little, big] = await Promise.all(
    ['little', 'big'].map(async (name) => {
      const model = await OnnxModel.open(join(directory, 'models', `${name}.onnx`), { threads: 1 });
      const feeds = {
        input: { datatype: 'float32' as const, shape: [digits.length, pixels], data: inputs },
      };
      const [scores] = Object.values(await model.run(feeds));
      await model.close();
      return Array.from(scores?.data as Float32Array);
    }),
  );
  const of = (scores: readonly number[] = [], i: number) => scores.slice(i * classes, (i + 1) * classes);
  return digits.map(({ label }, i) => ({ label, little: of(little, i), big: of(big, i) }));
}

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** The threshold of `service.yaml` among others. */
export const thresholds = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 2];

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const samples = await judge(process.argv[2] ?? '/tmp/sedna-joint');
  console.log(
    `edge only: ${percent(accuracyOf(samples, 'little'))}; cloud only: ${percent(accuracyOf(samples, 'big'))}\n`,
  );
  console.log('threshold   to the cloud   accuracy');
  const points = tradeOff(samples, thresholds);
  for (const { threshold, uploadRatio, accuracy } of points) {
    console.log(
      `${String(threshold).padStart(9)} ${percent(uploadRatio).padStart(14)} ${percent(accuracy).padStart(10)}`,
    );
  }
  console.log(`\n${plot(points).join('\n')}`);
}
