import { expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import fc from 'fast-check';
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodePath } from '../../activities/edge/lib/node-path.ts';
import { validateManifest } from '../../crds/validate.ts';
import { isLocal, resolveInside, StorageError } from '../../sdk/storage/index.ts';
import { readExpected } from '../corpus/lib/expected.ts';
import { boundMs, mutated, params } from './lib/fuzz.ts';

const tokens = [
  '..',
  '/',
  '//',
  '\\',
  '%2e',
  '%2F',
  '%00',
  '%c3%b6',
  '%',
  '?',
  '#',
  '@',
  ':',
  'file://',
  'FILE:///',
  's3://',
  'http://',
  ' ',
];
const known = readExpected<{ location?: string }>('locations').flatMap(([, { location = '' }]) =>
  Buffer.from(location),
);
const location = fc.oneof(
  mutated(known, tokens).map((bytes) => bytes.toString('utf8')),
  fc.array(fc.constantFrom(...tokens, 'a', 'data'), { maxLength: 8 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
);

/** Whether manifests of the three fields that hold a location take it. */
function admitted(url: string): boolean[] {
  const head = { apiVersion: 'sedna.io/v1alpha1', metadata: { name: 'x' } };
  return [
    { ...head, kind: 'Dataset', spec: { url, format: 'txt', nodeName: 'e' } },
    { ...head, kind: 'Model', spec: { url, format: 'onnx' } },
  ].map((manifest) => {
    const verdict = validateManifest(manifest);
    if (!verdict.ok) expect(verdict.errors.map(({ path }) => path)).toEqual(verdict.errors.map(() => 'spec.url'));
    return verdict.ok;
  });
}

function opened(url: string): string | undefined {
  try {
    return nodePath('spec.url', url);
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    expect(error).toMatchObject({ type: 'InvalidSpec', message: expect.stringMatching(/^spec\.url: /) });
    return undefined;
  }
}

test(
  'what admission takes as a place on the node, the node can name, and nothing else',
  () => {
    const property = fc.property(location, (url) => {
      const [dataset, model] = admitted(url);
      const path = opened(url);
      if (path === undefined) {
        if (isLocal(url)) expect({ url, dataset, model }).toEqual({ url, dataset: false, model: false });
        return;
      }
      expect(path).toMatch(/^\//);
      expect(path.split('/')).not.toContain('..');
      expect(nodePath('spec.url', path)).toBe(path);
      // A place on the node is taken, unless it is the root or ends like a directory.
      const isFile = !/\/$/.test(url);
      if (isFile) expect({ url, dataset, model }).toEqual({ url, dataset: true, model: true });
    });
    fc.assert(property, params(2_000));
  },
  boundMs,
);

test(
  'nothing leads out of a directory, links included',
  async () => {
    const base = realpathSync(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'fuzz-root-')));
    const root = join(base, 'root');
    mkdirSync(join(root, 'a', 'b'), { recursive: true });
    symlinkSync('/etc', join(root, 'etc'));
    symlinkSync('..', join(root, 'a', 'up'));
    symlinkSync('../../..', join(root, 'a', 'b', 'out'));
    symlinkSync('nowhere', join(root, 'dangling'));
    const step = fc.constantFrom('a', 'b', 'up', 'out', 'etc', 'dangling', '..', '.', '', 'x', '/', '\\', root, '\0');
    const property = fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      try {
        expect(`${await resolveInside(root, steps.join('/'))}/`.startsWith(`${root}/`)).toBe(true);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        expect(error.code).toBe('PathEscape');
      }
    });
    await fc.assert(property, params(300));
  },
  boundMs,
);
