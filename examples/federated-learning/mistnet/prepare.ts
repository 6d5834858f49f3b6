/**
 * `node prepare.ts [DIR]`: the two nodes of the example beside this one, and a model that somebody has trained on digits of his own, which
 * were 0 to 4 only.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { allDigits, readDigits } from '../../incremental-learning/mnist/digits.ts';
import { federatedEstimator } from '../mnist/estimator.ts';
import { prepare as prepareNodes, writeSet } from '../mnist/prepare.ts';

const [from, to] = [4_000, 6_000];
const epochs = 10;

export async function prepare(directory: string): Promise<void> {
  await prepareNodes(directory);
  const known = join(directory, 'known');
  writeSet(
    known,
    allDigits()
      .slice(from, to)
      .filter(({ label }) => label < 5),
  );
  const index = join(known, 'index.txt');
  const estimator = federatedEstimator();
  await estimator.train(await readDigits(index, index), { settings: { epochs }, seed: 1 });
  await estimator.save(join(directory, 'models', 'pretrained.onnx'));
  await estimator.close();
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const directory = process.argv[2] ?? '/tmp/sedna-federated';
  await prepare(directory);
  console.log(`two datasets, a test set and a model that knows five digits are in ${directory}`);
}
