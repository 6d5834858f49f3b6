/** A node that lies, on a real stack without Kubernetes: it ruins the plain mean, and not the trimmed one. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../../deploy/local/files.ts';
import { prepare } from '../../../../examples/federated-learning/mnist-attacked/prepare.ts';
import { runCli, temporaryFolder } from '../../../support/cli.ts';
import { describeTemporal } from '../../../support/stack.ts';

const example = join(packageRoot(), 'examples', 'federated-learning', 'mnist-attacked');

describeTemporal('a node that lies', () => {
  const cwd = temporaryFolder('attacked');

  const sedna = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(words, cwd);
    expect({ words, code, stderr: code === 0 ? '' : stderr }).toEqual({ words, code: 0, stderr: '' });
    return stdout;
  };

  beforeAll(async () => {
    await prepare(join(cwd, 'data'));
    const nodes = 'cloud-1:cloud,edge-1:edge,edge-2:edge,edge-3:edge';
    await sedna('up', '--detach', '--standalone', '--nodes', nodes, '--images', join(example, 'images.yaml'));
  }, 120_000);
  afterAll(() => runCli(['down', '--purge'], cwd), 60_000);

  /** Accuracy that the honest nodes give the model that the last round began with. */
  async function accuracyWith(name: string, aggregation: string): Promise<number> {
    const file = join(cwd, `${name}.yaml`);
    const manifest = readFileSync(join(example, 'job.yaml'), 'utf8')
      .replaceAll('/tmp/sedna-federated', join(cwd, 'data'))
      .replace('name: digits-attacked', `name: ${name}`)
      .replaceAll('name: digits-global', `name: ${name}-global`)
      // Nodes save the final model as their own: the next job would go on from it.
      .replace('models/global.onnx', `models/${name}.onnx`)
      .replace(/aggregation: .*/, `aggregation: ${aggregation}`);
    writeFileSync(file, manifest);
    copyFileSync(join(cwd, 'data', 'models', 'global.onnx'), join(cwd, 'data', 'models', `${name}.onnx`));
    await sedna('apply', '-f', file);
    await sedna('wait', `fl/${name}`, '--for=phase=Succeeded', '--timeout=120s');
    const { status } = JSON.parse(await sedna('get', 'fl', name, '-o', 'json')) as {
      status: { rounds: { metrics: Record<string, number> }[] };
    };
    expect(status.rounds).toHaveLength(6);
    return status.rounds.at(-1)?.metrics['accuracy'] ?? NaN;
  }

  test('ruins the mean', async () => {
    expect(await accuracyWith('mean', '{ strategy: FedAvg }')).toBeLessThan(0.3);
  }, 180_000);

  test('does not ruin the trimmed mean of the example', async () => {
    expect(await accuracyWith('trimmed', '{ strategy: FedTrimmedAvg, parameters: { beta: 0.34 } }')).toBeGreaterThan(
      0.7,
    );
  }, 180_000);
});
