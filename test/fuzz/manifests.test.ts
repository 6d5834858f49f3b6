import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { planFields } from '../../crds/fields.ts';
import { ManifestSyntaxError, parseManifests, type ParsedDocument } from '../../crds/parse.ts';
import { validateManifest, type Verdict } from '../../crds/validate.ts';
import { accepted, refused } from '../corpus/lib/manifests.ts';
import { boundMs, mutated, params, perturbed, seeds } from './lib/fuzz.ts';

const tokens = [
  '&a ',
  '*a',
  '<<: ',
  '!!binary ',
  '---\n',
  '{',
  '[',
  '? ',
  ': ',
  '|\n',
  '"\\u0000"',
  '02:00',
  '.inf',
  '1e999',
];
const texts = ['accept', 'refuse', 'text'].flatMap((folder) => seeds(`manifests/${folder}`));

function read(text: Buffer): ParsedDocument[] | string {
  try {
    return parseManifests(text, 'x.yaml');
  } catch (error) {
    if (error instanceof ManifestSyntaxError) return error.message;
    throw error;
  }
}

/** What must hold of any verdict; an accepted manifest is the same again after it was written and read. */
function check(value: unknown): void {
  const verdict = validateManifest(value);
  expect(validateManifest(value)).toEqual(verdict);
  if (verdict.ok) return same(verdict);
  expect(verdict.errors.length).toBeGreaterThan(0);
  expect(verdict.errors.length).toBeLessThanOrEqual(21);
  for (const { path, message } of verdict.errors) {
    expect(path.length + message.length).toBeLessThan(6_100);
    expect(`${path}${message}`).not.toMatch(/[\x00-\x1f\x7f\u202a-\u202e]/);
  }
}

function same({ kind, manifest }: Verdict & { ok: true }): void {
  const plain: unknown = JSON.parse(JSON.stringify(manifest));
  const [again] = parseManifests(stringify(plain));
  const verdict = validateManifest(again?.value);
  expect(verdict).toMatchObject({ ok: true });
  expect(JSON.parse(JSON.stringify(verdict.ok && verdict.manifest))).toEqual(plain);
  planFields(kind, manifest.spec);
}

test(
  'any text is read, or refused with its place',
  () => {
    const property = fc.property(mutated(texts, tokens), (text) => {
      const documents = read(text);
      expect(read(text)).toEqual(documents);
      if (typeof documents === 'string') expect(documents).toMatch(/^x\.yaml:\d+:\d+: \S/);
      else for (const { value } of documents) check(value);
    });
    fc.assert(property, params(250));
  },
  boundMs,
);

test(
  'any object is accepted as it is, or refused by its field',
  () => {
    const values = [...accepted, ...refused].map(({ value }) => value);
    fc.assert(fc.property(perturbed(values), check), params(250));
  },
  boundMs,
);
