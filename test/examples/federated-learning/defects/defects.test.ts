/** The example of three factories: what its files hold, and its job on a real stack without Kubernetes. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../../deploy/local/files.ts';
import { accuraciesAlone, accuracyTogether } from '../../../../examples/federated-learning/defects/compare.ts';
import { kinds, side, withDefect } from '../../../../examples/federated-learning/defects/defects.ts';
import { patchesOf, photograph, places, readPatches } from '../../../../examples/federated-learning/defects/patches.ts';
import { prepare } from '../../../../examples/federated-learning/defects/prepare.ts';
import { Random } from '../../../../sdk/estimators/onnx/index.ts';
import { runCli, temporaryFolder } from '../../../support/cli.ts';
import { describeTemporal } from '../../../support/stack.ts';

const example = join(packageRoot(), 'examples', 'federated-learning', 'defects');
/** The README says so: the common model is better than the best of the factories' own by at least this. */
const margin = 0.08;

const cwd = temporaryFolder('defects');
const data = join(cwd, 'data');
beforeAll(() => prepare(data), 60_000);

describe('the patches', () => {
  test('are cut from the photographs of the package, bit by bit', () => {
    const sums = readFileSync(join(example, 'photographs', 'SHA256SUMS'), 'utf8')
      .trim()
      .split('\n');
    expect(sums).toHaveLength(3);
    for (const line of sums) {
      const [sum, name = ''] = line.split(/ +/);
      const bytes = readFileSync(join(example, 'photographs', name));
      expect({ name, sum: createHash('sha256').update(bytes).digest('hex') }).toEqual({ name, sum });
    }
  });

  test('of the test set come from a part of the photographs that no factory has', () => {
    // Columns of a picture whose grey values say where they are.
    const width = 512;
    const photo = { width, height: width, grey: Uint8Array.from({ length: width ** 2 }, (_, i) => (i % width) / 2) };
    const columns = (part: 'train' | 'test'): number[] => {
      const source = patchesOf(photo, part, new Random(1));
      return Array.from({ length: 50 }, () => [...source.next().value]).flat();
    };
    expect(columns('train').reduce((most, grey) => Math.max(most, grey), 0)).toBeLessThan(352 / 2);
    expect(columns('test').reduce((least, grey) => Math.min(least, grey), 255)).toBeGreaterThanOrEqual(352 / 2);
  });

  test('differ from factory to factory in what is wrong with them; the test set has as many of each kind', async () => {
    const counts: Record<string, number[]> = {};
    for (const place of [...places, 'test']) {
      const { labels } = await readPatches(join(data, place, 'index.txt'));
      counts[place] = kinds.map((_, kind) => [...labels].filter((label) => label === kind).length);
    }
    expect(counts).toEqual({
      'edge-1': [200, 30, 140, 30],
      'edge-2': [200, 140, 30, 30],
      'edge-3': [200, 30, 30, 140],
      test: [150, 150, 150, 150],
    });
  });

  test.each(kinds)('drawn with "%s" are the same for the same seed', (kind) => {
    const patch = patchesOf(photograph('gravel'), 'train', new Random(3)).next().value;
    const [drawn, again, other] = [5, 5, 6].map((seed) => withDefect(patch, kind, new Random(seed)));
    expect(drawn).toEqual(again);
    expect(drawn).toHaveLength(side * side);
    if (kind === 'good') expect(drawn).toEqual(patch);
    else expect([patch, other]).not.toContainEqual(drawn);
  });
});

describeTemporal('three factories', () => {
  const sedna = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCli(words, cwd);
    expect({ words, code, stderr: code === 0 ? '' : stderr }).toEqual({ words, code: 0, stderr: '' });
    return stdout;
  };

  beforeAll(async () => {
    const nodes = 'cloud-1:cloud,edge-1:edge,edge-2:edge,edge-3:edge';
    await sedna('up', '--detach', '--standalone', '--nodes', nodes, '--images', join(example, 'images.yaml'));
  }, 120_000);
  afterAll(() => runCli(['down', '--purge'], cwd), 60_000);

  test('see together what none of them sees alone', async () => {
    const file = join(cwd, 'job.yaml');
    writeFileSync(file, readFileSync(join(example, 'job.yaml'), 'utf8').replaceAll('/tmp/sedna-defects', data));
    await sedna('apply', '-f', file);
    await sedna('wait', 'fl/defects', '--for=phase=Succeeded', '--timeout=150s');
    const { status } = JSON.parse(await sedna('get', 'fl', 'defects', '-o', 'json')) as {
      status: { rounds: unknown[]; lastRound: { metrics: Record<string, number> } };
    };
    expect(status.rounds).toHaveLength(6);
    const together = await accuracyTogether(data);
    // The node that has the test set says the same.
    expect(status.lastRound.metrics['accuracy']).toBeCloseTo(together, 6);
    const alone = await accuraciesAlone(data);
    expect(together).toBeGreaterThan(Math.max(...Object.values(alone)) + margin);
  }, 240_000);
});
