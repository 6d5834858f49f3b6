import { expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseManifests } from '../../../crds/parse.ts';
import { validateManifest } from '../../../crds/validate.ts';
import { packageRoot } from '../../../deploy/local/files.ts';
import { copyManifest } from '../../../examples/lib/manifest.ts';

const source = join(packageRoot(), 'examples', 'incremental-learning', 'mnist', 'job.yaml');

it.each(['/home/a b/.sedna', '/odd, {name}: #1/it\'s $& "so"', `/${'long/'.repeat(60)}end`])(
  'puts the folder %j into valid objects',
  (to) => {
    const target = join(mkdtempSync(join(process.env.TEST_RUN_DIR ?? tmpdir(), 'manifest-')), 'copy', 'job.yaml');
    copyManifest(source, target, { from: '/tmp/sedna-mnist', to });
    const text = readFileSync(target);
    const objects = parseManifests(text).map(({ value }) => value as { kind: string; spec: Record<string, unknown> });
    expect(objects.map((object) => validateManifest(object).ok)).toEqual([true, true, true, true]);
    expect(objects[0]?.spec).toMatchObject({ url: `${to}/data/index.txt` });
    expect(objects[3]?.spec).toMatchObject({ outputDir: `${to}/output` });
    expect(text.toString()).toContain('# Dataset, Models and job.');
  },
);
