import { beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '../../cli/lib/errors.ts';
import { validateManifest } from '../../crds/validate.ts';
import { parseManifests } from '../../crds/parse.ts';
import { kinds } from '../../crds/registry.ts';
import { packageRoot } from '../../deploy/local/files.ts';
import { helpFor, paragraphOf } from '../../workflows/lib/cures.ts';
import { failures } from '../../workflows/lib/failures.ts';
import { verbs } from '../../workflows/lib/messages.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';
import { anchors, brokenLinks, headings, missingPaths, pages, sednaVerbs } from './markdown.ts';

const root = packageRoot();
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const all = pages();

describe('links, paths and commands', () => {
  test('there are documents to judge', () => {
    expect(all.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        'README.md',
        'CHANGELOG.md',
        ...['concepts', 'architecture', 'errors', 'operations', 'compatibility'].map((name) =>
          join('docs', `${name}.md`),
        ),
      ]),
    );
  });

  test.each(all.map((page) => [page.path, page] as const))('%s: links resolve, named files exist', (_path, page) => {
    expect(brokenLinks(page)).toEqual([]);
    expect(missingPaths(page)).toEqual([]);
  });

  test('a link, anchor or path that leads nowhere is found', () => {
    const text = '[a](nowhere.md) [b](#no-such) [c](docs/errors.md#paused) `cli/nothing.ts` `cli/main.ts`';
    const page = { path: 'README.md', text };
    expect(brokenLinks(page)).toEqual(['nowhere.md', '#no-such']);
    expect(missingPaths(page)).toEqual(['cli/nothing.ts']);
  });

  test('every npm script that a document names exists', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = all.flatMap(({ text }) => [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name = '']) => name));
    expect(named.length).toBeGreaterThan(3);
    expect([...new Set(named)].filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe('the sedna command', () => {
  let known: string[] = [];
  beforeAll(async () => {
    const { stdout } = await runCli(['--help'], temporaryFolder('docs'));
    known = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map(([, verb = '']) => verb);
  });

  test('every verb that a document uses exists, and every verb is documented', () => {
    expect(known).toEqual(expect.arrayContaining(['up', 'get', ...verbs]));
    const used = [...new Set(all.flatMap(sednaVerbs))].sort();
    expect(used.filter((verb) => !known.includes(verb))).toEqual([]);
    const text = all.map((page) => page.text).join('\n');
    expect(
      known.filter((verb) => verb !== 'help' && !text.includes(`sedna ${verb}`) && !text.includes(`\`${verb}\``)),
    ).toEqual([]);
  });

  test('every exit code is documented', () => {
    const section = read('docs/errors.md').split('## The sedna command')[1]?.split('\n## ')[0] ?? '';
    const documented = [...section.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(documented).toEqual(Object.values(EXIT));
  });
});

describe('catalogues', () => {
  const names = Object.keys(failures).sort();
  const titles = [...read('docs/errors.md').matchAll(/^(##) (.+)$|^### (.+)$/gm)];
  /** Names of paragraphs under the sections, in order. */
  const paragraphsOf = (...sections: string[]): string[] => {
    let section = '';
    return titles.flatMap(([, level, title = '', name = '']) => {
      if (level !== undefined) section = title;
      return level === undefined && sections.includes(section) ? [name] : [];
    });
  };
  const ofCode = ['Workers of this SDK', 'The sedna command', 'When a part is down'];
  const others = ['Collecting', 'Starting', 'InferenceStarting', 'WaitingForSlot', 'Error'];
  const ofFailures = ['Manifest', 'What an object needs', 'Why a job waits', 'Workers'];

  test('the failures, their cures and docs/errors.md have the same names', () => {
    expect(paragraphsOf(...ofFailures).sort()).toEqual(names);
    expect(paragraphsOf('Other reasons in conditions')).toEqual(others);
    expect([...paragraphsOf(...ofFailures), ...others, ...paragraphsOf(...ofCode)]).toEqual(
      headings(read('docs/errors.md'), '###'),
    );
    const ref = { kind: 'IncrementalLearningJob', namespace: 'ns', name: 'x' };
    for (const name of [...names, ...others])
      expect({ name, cure: helpFor({ reason: name }, ref)?.cure ?? '' }).toMatchObject({
        cure: expect.stringMatching(/\w{4}/),
      });
  });

  test('each cure names verbs that exist, each pointer leads to a paragraph', () => {
    const ref = { kind: 'Model', namespace: 'default', name: 'x' };
    const said = names.flatMap((name) => [...(helpFor({ reason: name }, ref)?.cure ?? '').matchAll(/sedna ([a-z]+)/g)]);
    expect(said.length).toBeGreaterThan(5);
    const verbsOfCli = readdirSync(join(root, 'cli')).map((file) => file.replace('.ts', ''));
    for (const [, verb = ''] of said) expect([...verbsOfCli, ...verbs]).toContain(verb);
    const known = anchors(read('docs/errors.md'));
    for (const heading of headings(read('docs/errors.md'), '###'))
      expect(known).toContain(paragraphOf(heading).replace('docs/errors.md#', ''));
  });

  test('each code of an error of the command line and of a process has a paragraph, and no other', () => {
    const sources = ['cli', 'deploy/local', 'workers'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts'))
        .map((path) => read(join(folder, path))),
    );
    const codes = [...sources.join('\n').matchAll(/(?:code: '|paragraphOf\(')([A-Z][A-Za-z]+)'/g)].map(
      ([, code = '']) => code,
    );
    const documented = paragraphsOf('The sedna command', 'When a part is down');
    expect([...new Set(codes)].filter((code) => !names.includes(code)).sort()).toEqual(documented.sort());
  });

  test("each refusal of the SDK's workers has a paragraph, and no other", () => {
    const [, union = ''] = /OnnxErrorType =([^;]+);/.exec(read('sdk/estimators/onnx/errors.ts')) ?? [];
    const types = [...union.matchAll(/'(\w+)'/g)].map(([, type = '']) => type);
    expect(paragraphsOf('Workers of this SDK').sort()).toEqual(types.sort());
    const ref = { kind: 'IncrementalLearningJob', namespace: 'default', name: 'x' };
    for (const type of types) {
      const help = helpFor({ reason: 'WorkerFailed', message: `x-train-r1-a1: ${type}: because` }, ref);
      expect(help).toEqual({ cure: expect.stringContaining('sedna retry'), more: paragraphOf(type) });
    }
  });

  test('a failure that passes by itself or is final is described so', () => {
    for (const [name, { retryable }] of Object.entries(failures)) {
      const paragraph = read('docs/errors.md').split(`### ${name}\n`)[1]?.split('\n#')[0] ?? '';
      expect(paragraph.length).toBeGreaterThan(80);
      if (retryable) expect({ name, final: /^\*Final/m.test(paragraph) }).toEqual({ name, final: false });
      else expect({ name, retried: /\*Retried by itself/.test(paragraph) }).toEqual({ name, retried: false });
    }
  });

  test('every kind and verb is in docs/concepts.md', () => {
    const text = read('docs/concepts.md');
    for (const { kind, shortNames } of kinds) {
      expect(text).toContain(`| ${kind} | ${shortNames.map((name) => `\`${name}\` `).join('')}|`);
    }
    for (const verb of verbs) expect(text).toContain(`\`${verb}\``);
  });

  test('every environment variable that GM, LC, CLI and stack read is in docs/operations.md, and no other', () => {
    const sources = ['workers', 'cli', 'deploy/local'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts'))
        .map((path) => read(join(folder, path))),
    );
    const code = sources.join('\n');
    const variables = [...code.matchAll(/(?:env\.|env\['|env,\s*')(SEDNA_[A-Z_]+|LOG_LEVEL|XDG_CACHE_HOME)/g)];
    const inCode = new Set(variables.map(([, name = '']) => name));
    const text = read('docs/operations.md');
    expect([...inCode].filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
    const documented = new Set([...text.matchAll(/`(SEDNA_[A-Z_]+)`/g)].map(([, name = '']) => name));
    expect([...documented].filter((name) => !code.includes(name))).toEqual([]);
  });
});

describe('decisions and manifests', () => {
  test('each ADR has a number of its own, a date, context, decision and consequences', () => {
    const files = readdirSync(join(root, 'docs', 'adr')).sort();
    expect(files.map((name) => Number(name.slice(0, 4)))).toEqual(files.map((_, i) => i + 1));
    for (const name of files) {
      const text = read(join('docs', 'adr', name));
      expect(text).toMatch(new RegExp(`^# ${Number(name.slice(0, 4))}\\. `));
      for (const part of ['Date: 20', 'Status: ', '**Context.**', '**Decision.**', '**Consequences.**'])
        expect(text).toContain(part);
    }
  });

  test('manifests in documents are valid', () => {
    const blocks = all.flatMap(({ path, text }) =>
      [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block = '']) => [path, block] as const),
    );
    const manifests = blocks.filter(([, block]) => block.includes('sedna.io/v1alpha1'));
    expect(manifests.length).toBeGreaterThan(0);
    for (const [path, block] of manifests) {
      for (const { value } of parseManifests(block, path)) expect(validateManifest(value)).toMatchObject({ ok: true });
    }
  });

  test('the licence is the one that package.json names', () => {
    expect(JSON.parse(read('package.json'))).toMatchObject({ license: 'Apache-2.0' });
    expect(existsSync(join(root, 'LICENSE'))).toBe(true);
    expect(read('LICENSE')).toContain('Version 2.0, January 2004');
  });
});
