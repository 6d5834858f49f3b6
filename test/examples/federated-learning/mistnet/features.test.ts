/** The MistNet example on a real stack without Kubernetes: what the nodes know beyond the first model is learned from bits. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../../deploy/local/files.ts';
import { federatedEstimator } from '../../../../examples/federated-learning/mnist/estimator.ts';
import { prepare } from '../../../../examples/federated-learning/mistnet/prepare.ts';
import { readDigits } from '../../../../examples/incremental-learning/mnist/digits.ts';
import { readModelWeights } from '../../../../sdk/estimators/onnx/index.ts';
import { localPath } from '../../../../sdk/storage/index.ts';
import { runCli, temporaryFolder } from '../../../support/cli.ts';
import { describeTemporal } from '../../../support/stack.ts';

const example = join(packageRoot(), 'examples', 'federated-learning', 'mistnet');

describeTemporal('features instead of updates', () => {
  const cwd = temporaryFolder('mistnet');
  const data = join(cwd, 'data');

  const sedna = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(words, cwd);
    expect({ words, code, stderr: code === 0 ? '' : stderr }).toEqual({ words, code: 0, stderr: '' });
    return stdout;
  };
  const status = async (kind: string, name: string): Promise<Record<string, unknown>> =>
    (JSON.parse(await sedna('get', kind, name, '-o', 'json')) as { status: Record<string, unknown> }).status;

  beforeAll(async () => {
    await prepare(data);
    const nodes = 'cloud-1:cloud,edge-1:edge,edge-2:edge';
    await sedna('up', '--detach', '--standalone', '--nodes', nodes, '--images', join(example, 'images.yaml'));
  }, 120_000);
  afterAll(() => runCli(['down', '--purge'], cwd), 60_000);

  test('the model knows digits that it did not know before; in front of the cut it is what it was', async () => {
    const before = federatedEstimator();
    const pretrained = join(data, 'models', 'pretrained.onnx');
    await before.load(pretrained);
    const index = join(data, 'test', 'index.txt');
    const [known = NaN] = (await before.evaluate(await readDigits(index, index))).accuracy ?? [];
    await before.close();
    expect(known).toBeLessThan(0.5);

    const file = join(cwd, 'job.yaml');
    writeFileSync(file, readFileSync(join(example, 'job.yaml'), 'utf8').replaceAll('/tmp/sedna-federated', data));
    await sedna('apply', '-f', file);
    await sedna('wait', 'fl/digits-mistnet', '--for=phase=Succeeded', '--timeout=120s');
    const { lastRound } = await status('fl', 'digits-mistnet');
    const { metrics, samples, encoded } = lastRound as Record<string, Record<string, number>>;
    expect({ samples, encoded }).toEqual({ samples: 2400, encoded: { layer: 'relu2', bits: 8, epsilon: 8 } });
    expect(metrics?.['accuracy']).toBeGreaterThan(0.65);

    const { versions } = await status('model', 'digits-global');
    const live = (versions as { stage: string; uri: string }[]).find(({ stage }) => stage === 'live');
    const [was, is] = [pretrained, localPath(live?.uri ?? '')].map((path) =>
      readModelWeights(readFileSync(path), path),
    );
    const same = Object.keys(was ?? {}).filter((name) => was?.[name]?.data.join() === is?.[name]?.data.join());
    expect(same).toEqual(['dense1/weight', 'dense1/bias']);
  }, 180_000);
});
