/** The documentation speaks of what is there. */
import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cures } from '../../cli/lib/cures.ts';
import { packageRoot } from '../../deploy/local/files.ts';
import { failures } from '../../workflows/lib/failures.ts';

const root = packageRoot();
const pages = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'), { recursive: true }).map((file) => join('docs', String(file))),
].filter((file) => file.endsWith('.md'));
const text = (page: string): string => readFileSync(join(root, page), 'utf8');

describe('errors', () => {
  const headings = [...text('docs/errors.md').matchAll(/^## ([A-Z][A-Za-z]+)$/gm)].map(([, name]) => name);

  it.each(Object.keys(failures))('%s has a paragraph and a cure', (name) => {
    expect(headings).toContain(name);
    expect(Object.keys(cures)).toContain(name);
  });

  it('has no cure for what does not exist', () => {
    expect(Object.keys(cures).filter((name) => !Object.hasOwn(failures, name))).toEqual([]);
  });
});

describe.each(pages)('%s', (page) => {
  it('links to what is there', () => {
    const targets = [...text(page).matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(([, target = '']) => target);
    expect(targets.filter((target) => !existsSync(join(root, dirname(page), target)))).toEqual([]);
  });

  it('names verbs that the command line has', () => {
    const main = readdirSync(join(root, 'cli'))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => text(join('cli', file)));
    const known = new Set(
      main.flatMap((source) => [...source.matchAll(/\.command\('([a-z]+)/g)].map(([, verb]) => verb)),
    );
    for (const verb of ['trigger', 'pause', 'resume', 'stop', 'retry', 'approve', 'reject']) known.add(verb);
    const named = [...text(page).matchAll(/(?:npx |`)sedna ([a-z]+)/g)].map(([, verb]) => verb);
    expect(named.filter((verb) => !known.has(verb))).toEqual([]);
  });
});
