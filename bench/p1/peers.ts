import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The version that the results of the strategies are compared with, too. */
const FLOWER = 'flwr==1.42.0';
const run = promisify(execFile);

/** A Python process that times the peers, in a virtual environment of its own that is kept in the user's cache. */
export class Peers {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string, undefined>;
  readonly #reader: Interface;

  private constructor(child: ChildProcess, reader: Interface) {
    this.#child = child;
    this.#reader = reader;
    this.#lines = reader[Symbol.asyncIterator]();
  }

  static async start(): Promise<Peers> {
    const python = await environment();
    const script = fileURLToPath(new URL('./peers.py', import.meta.url));
    const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'ignore'] });
    const peers = new Peers(child, createInterface({ input: child.stdout }));
    if ((await peers.#next()) !== 'ready') throw new Error('the Python peer did not start');
    return peers;
  }

  /** Seconds of one mean. */
  async seconds(n: number, k: number, kind: 'list' | 'flower'): Promise<number> {
    this.#child.stdin?.write(`${n} ${k} ${kind}\n`);
    return Number(await this.#next());
  }

  close(): void {
    this.#reader.close();
    this.#child.kill();
  }

  async #next(): Promise<string> {
    const next: IteratorResult<string, undefined> = await this.#lines.next();
    if (next.done) throw new Error('the Python peer ended');
    return next.value;
  }
}

async function environment(): Promise<string> {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  const folder = path.join(cache, 'sedna', 'bench', FLOWER.replace('==', '-'));
  const python = path.join(folder, 'bin', 'python');
  if (!existsSync(path.join(folder, 'installed'))) {
    await run('python3', ['-m', 'venv', folder], { timeout: 120_000 });
    await run(python, ['-m', 'pip', 'install', '--quiet', FLOWER], { timeout: 480_000 });
    await run(python, ['-c', `open(${JSON.stringify(path.join(folder, 'installed'))}, 'w')`]);
  }
  return python;
}
