/**
 * `node compare.ts [DIR]`: what each factory learns alone, in as many epochs as it trains in all rounds, and the model that they have made
 * together, which the job has left at `DIR/models/defects.onnx`. All are judged on the same test set, of all three materials.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OnnxEstimator, OnnxSamples } from '../../../sdk/estimators/onnx/index.ts';
import { defectEstimator } from './estimator.ts';
import { materials, places, readPatches, type Place } from './patches.ts';

/** 6 rounds of 4 epochs each, as job.yaml says. */
const epochsInAll = 24;

/** Share of the test set that a factory's own model gets right, for each factory. */
export async function accuraciesAlone(directory: string): Promise<Record<Place, number>> {
  const test = await readPatches(join(directory, 'test', 'index.txt'));
  const accuracies: Partial<Record<Place, number>> = {};
  for (const place of places) {
    const estimator = defectEstimator();
    const samples = await readPatches(join(directory, place, 'index.txt'));
    await estimator.train(samples, { settings: { epochs: epochsInAll }, seed: 1 });
    accuracies[place] = await accuracyOf(estimator, test);
    await estimator.close();
  }
  return accuracies as Record<Place, number>;
}

export async function accuracyTogether(directory: string): Promise<number> {
  const estimator = defectEstimator();
  await estimator.load(join(directory, 'models', 'defects.onnx'));
  const accuracy = await accuracyOf(estimator, await readPatches(join(directory, 'test', 'index.txt')));
  await estimator.close();
  return accuracy;
}

async function accuracyOf(estimator: OnnxEstimator, test: OnnxSamples): Promise<number> {
  const [accuracy = NaN] = (await estimator.evaluate(test)).accuracy ?? [];
  return accuracy;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = process.argv[2] ?? '/tmp/sedna-defects';
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const alone = await accuraciesAlone(directory);
  for (const place of places) console.log(`${materials[place].padEnd(8)} alone  ${percent(alone[place])}`);
  console.log(`together        ${percent(await accuracyTogether(directory))}`);
}
