import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Kernel } from '../../sdk/algorithms/aggregation/index.ts';
import { TensorFile, writeWeights } from '../../sdk/tensors/index.ts';
import { segments } from '../../sdk/algorithms/aggregation/kernel/layout.ts';
import { fill } from './in-memory.ts';

/** The mean of k files of n singles into a file. Files are in the cache of the system. */
export class InFiles {
  readonly #kernel = new Kernel();
  readonly #folder: string;
  readonly #files: TensorFile[];

  private constructor(folder: string, files: TensorFile[]) {
    this.#folder = folder;
    this.#files = files;
  }

  static async make(n: number, k: number): Promise<InFiles> {
    const folder = await mkdtemp(path.join(tmpdir(), 'p1-'));
    const files: TensorFile[] = [];
    const data = new Float32Array(n);
    for (let i = 0; i < k; i++) {
      fill(data, i);
      const { path: file } = await writeWeights(path.join(folder, `${i}`), { w: { shape: [n], data } });
      files.push(await TensorFile.open(file));
    }
    return new InFiles(folder, files);
  }

  /** Seconds of reading, adding up and writing alone: neither digest nor flush to disk, which have bounds of their own. */
  async seconds(): Promise<number> {
    const k = this.#files.length;
    const weights = this.#files.map(() => 1 / k);
    const out = await open(await this.#newFile('bare'), 'wx+');
    const started = performance.now();
    const jobs = segments(this.#files.map(({ entries }) => entries)).map(({ dtype, count, positions }) => {
      const inputs = this.#files.map(({ fd }, i) => ({ fd, position: positions[i] as number }));
      const output = { fd: out.fd, position: positions[0] as number };
      return this.#kernel.pool.run({ segment: { operation: { kind: 'mean', weights }, dtype, count, inputs, output } });
    });
    await Promise.all(jobs);
    await out.close();
    return (performance.now() - started) / 1000;
  }

  /** Seconds of one mean as a round does it: with SHA-256 of the result, flushed to disk. */
  async durableSeconds(): Promise<number> {
    const weights = this.#files.map(() => 1 / this.#files.length);
    const out = await this.#newFile('out');
    const started = performance.now();
    await this.#kernel.mean(this.#files, weights, out);
    return (performance.now() - started) / 1000;
  }

  /** As each round has one: that the last one is thrown away is no part of the mean. */
  async #newFile(name: string): Promise<string> {
    const file = path.join(this.#folder, name);
    await rm(file, { force: true });
    return file;
  }

  async close(): Promise<void> {
    await this.#kernel.close();
    for (const file of this.#files) await file.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
