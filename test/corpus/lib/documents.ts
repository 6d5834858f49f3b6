import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManifestSyntaxError, parseManifests, type ParsedDocument } from '../../../crds/parse.ts';
import { caseOf, corpusDirectory, readExpected, type Entry } from './expected.ts';
import type { Case } from './family.ts';
import { accepted, refused } from './manifests.ts';

/** One document of one file: as text for those who read text, as an object for those who are given one. */
export interface DocumentInput {
  file: string;
  /** Where it starts in its file. */
  line: number;
  text: Buffer;
  /** Undefined where the text is no YAML, or holds several documents. */
  value?: Record<string, unknown>;
}

const directory = join(corpusDirectory, 'manifests');
const path = (kind: string, source: string): string => join(directory, kind, source);

/** Documents of `accept/` and `refuse/`, which say themselves where they are refused, and the whole files of `text/`. */
export function manifestCases(): Case<DocumentInput>[] {
  const good = accepted.map(({ name, value }) => caseOf(name, inputOf('accept', name, value), { verdict: 'accept' }));
  const bad = refused.map(({ name, value, path: at, apiServerAccepts }) =>
    caseOf(name, inputOf('refuse', name, value), {
      verdict: 'refuse',
      reason: 'InvalidSpec',
      path: at,
      ...(apiServerAccepts ? { except: { 'kube-apiserver': { verdict: 'accept' as const } } } : {}),
    }),
  );
  return [...good, ...bad, ...textCases(), ...hugeCases()];
}

function inputOf(kind: string, name: string, value: Record<string, unknown>): DocumentInput {
  const [, source = '', line = '1'] = /^(.*):(\d+)/.exec(name) ?? [];
  return { file: path(kind, source), line: Number(line), text: Buffer.from(JSON.stringify(value)), value };
}

function textCases(): Case<DocumentInput>[] {
  const entries = readExpected('manifests');
  const files = readdirSync(join(directory, 'text')).sort();
  const listed = entries.map(([file]) => file).sort();
  const differ = files.filter((file) => !listed.includes(file)).concat(listed.filter((file) => !files.includes(file)));
  if (differ.length > 0)
    throw new Error(`test/corpus/manifests: not both a file and in expected.yaml: ${differ.join()}`);
  return entries.map(([file, entry]) => {
    const text = readFileSync(path('text', file));
    const [first, ...more] = documentsOf(text);
    const value = more.length === 0 ? (first?.value as Record<string, unknown> | undefined) : undefined;
    return caseOf(`text/${file}`, { file: path('text', file), line: 0, text, value }, entry);
  });
}

/** Too large to be kept as files. */
function hugeCases(): Case<DocumentInput>[] {
  const of = (spec: string): string =>
    `apiVersion: sedna.io/v1alpha1\nkind: Dataset\nmetadata: { name: d }\nspec:\n${spec}`;
  const rest = '  format: txt\n  nodeName: edge-1\n';
  const many = Array.from({ length: 50_000 }, (_, i) => `  k${i}: 1\n`).join('');
  const invalid = (path: string, message: string): Entry => ({
    verdict: 'refuse',
    reason: 'InvalidSpec',
    path,
    message,
  });
  const cases: [string, string, Entry][] = [
    ['a URL of 1 MB', of(`  url: /${'x'.repeat(1 << 20)}\n${rest}`), invalid('spec.url', 'at most 4096 characters')],
    [
      'a key of 1 MB',
      of(`  url: /x\n${rest}  ? ${'k'.repeat(1 << 20)}\n  : 1\n`),
      { verdict: 'refuse', reason: 'InvalidSpec', message: 'is not a known field' },
    ],
    ['50 000 unknown fields', of(`  url: /x\n${rest}${many}`), invalid('spec.k0', 'is not a known field')],
    [
      'more than 3 MiB',
      of(`  url: /x\n${rest}#${'x'.repeat(3 << 20)}`),
      { verdict: 'refuse', reason: 'ManifestSyntaxError', path: '1:1', message: 'at most 3145728 are read' },
    ],
  ];
  const folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'huge-'));
  return cases.map(([name, text, entry]) => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.yaml`);
    writeFileSync(file, text);
    const [first] = documentsOf(Buffer.from(text));
    const value = first?.value as Record<string, unknown> | undefined;
    return caseOf(name, { file, line: 0, text: Buffer.from(text), value }, entry);
  });
}

function documentsOf(text: Buffer): ParsedDocument[] {
  try {
    return parseManifests(text);
  } catch (error) {
    if (error instanceof ManifestSyntaxError) return [];
    throw error;
  }
}
