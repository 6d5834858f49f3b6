import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Kernel } from '../../sdk/algorithms/aggregation/index.ts';
import { TensorFile, writeWeights } from '../../sdk/tensors/index.ts';
import { fill } from './in-memory.ts';

/** The mean of k files of n singles into a file, digest and flush to disk included, as a round does it. */
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

  /** Seconds of one mean. */
  async seconds(): Promise<number> {
    const k = this.#files.length;
    const started = performance.now();
    await this.#kernel.mean(
      this.#files,
      this.#files.map(() => 1 / k),
      path.join(this.#folder, 'out'),
    );
    return (performance.now() - started) / 1000;
  }

  async close(): Promise<void> {
    await this.#kernel.close();
    for (const file of this.#files) await file.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
