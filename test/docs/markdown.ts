/** What the documents of this project say, as data. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';

export interface Page {
  /** Relative to the root of the repository. */
  path: string;
  text: string;
}

/** Folders of the repository that a document may name with a path. */
const folders = '(?:activities|bench|cli|crds|deploy|docs|examples|sdk|test|workers|workflows)';

export function pages(): Page[] {
  const root = packageRoot();
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((path) => join('docs', path));
  return ['README.md', 'CHANGELOG.md', ...docs.sort()]
    .filter((path) => path.endsWith('.md'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** Anchors as GitHub makes them from headings. */
export function anchors(text: string): string[] {
  return headings(text).map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

export function headings(text: string, level = '#+'): string[] {
  const pattern = new RegExp(`^${level} (.+)$`, 'gm');
  return [...withoutBlocks(text).matchAll(pattern)].map(([, heading = '']) => heading.trim());
}

/** Links of a page into the repository that lead nowhere. */
export function brokenLinks({ path, text }: Page): string[] {
  const links = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return links.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const found = file === '' ? path : relative(packageRoot(), join(packageRoot(), dirname(path), file));
    const absolute = join(packageRoot(), found);
    if (!existsSync(absolute)) return true;
    return anchor !== undefined && !anchors(readFileSync(absolute, 'utf8')).includes(anchor);
  });
}

/** Paths of the repository that a page names in code spans or blocks and that do not exist. Patterns (`<kind>`, `*`) name none. */
export function missingPaths({ text }: Page): string[] {
  const inCode = [...text.matchAll(/```[^\n]*\n([\s\S]*?)```|`([^`\n]+)`/g)].map(
    ([, block, span]) => block ?? span ?? '',
  );
  const pattern = new RegExp(`(?<![\\w./~$<-])${folders}/[\\w./{},<>*-]*`, 'g');
  const named = inCode.flatMap((code) => [...code.matchAll(pattern)].map(([path]) => path.replace(/[.,]+$/, '')));
  return named.filter((path) => !/[<>*{}]/.test(path) && !existsSync(join(packageRoot(), path)));
}

/** Verbs that a page uses with `sedna`, in code only: `sedna up`, `npx sedna get il`. */
export function sednaVerbs({ text }: Page): string[] {
  const code = [...text.matchAll(/```[^\n]*\n([\s\S]*?)```|`([^`\n]+)`/g)].map(
    ([, block, span]) => block ?? span ?? '',
  );
  // In a block a command begins its line, or follows npx or a pipe.
  const pattern = /(?:^|npx |\| |\$ |&& )sedna ([a-z]+)/gm;
  return code.flatMap((part) => [...part.matchAll(pattern)].map(([, verb = '']) => verb));
}

function withoutBlocks(text: string): string {
  return text.replace(/```[\s\S]*?```/g, '').replace(/<!--[\s\S]*?-->/g, '');
}
