import { execFile } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../../deploy/local/files.ts';
import { temporaryFolder } from '../../support/cli.ts';

const run = promisify(execFile);
const sources = [
  'activities',
  'cli',
  'crds',
  'deploy',
  'docs',
  'sdk',
  'workers',
  'workflows',
  'package.json',
  'tsconfig.json',
];

/** A copy of the sources to which a test may add what a contributor would. */
export class CopiedTree {
  readonly root = temporaryFolder('tree');

  constructor() {
    for (const name of sources) cpSync(join(packageRoot(), name), join(this.root, name), { recursive: true });
    symlinkSync(join(packageRoot(), 'node_modules'), join(this.root, 'node_modules'));
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.root, path), text);
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8');
  }

  /** Puts text before the first occurrence of `anchor`, which must be there. */
  insert(path: string, anchor: string, text: string): void {
    const before = this.read(path);
    if (!before.includes(anchor)) throw new Error(`${path} has no ${JSON.stringify(anchor)}`);
    this.write(
      path,
      before.replace(anchor, () => `${text}${anchor}`),
    );
  }

  /** Output of a program of the tree; a failure carries what it said. */
  async node(...args: string[]): Promise<string> {
    try {
      return (await run(process.execPath, args, { cwd: this.root, timeout: 120_000 })).stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      throw new Error(`node ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
    }
  }
}
