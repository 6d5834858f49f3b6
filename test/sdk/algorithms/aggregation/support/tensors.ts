import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { TensorFile, writing } from '../../../../../sdk/index.ts';
import type { FloatDtype, Weights, WrittenTensors } from '../../../../../sdk/index.ts';
import { encodeElements } from '../../../../../sdk/tensors/elements.ts';

/** Values by tensor name, one dimension each. */
export type Values = Record<string, readonly number[]>;

/** Tensor files in a folder of their own; `close` removes all. */
export class Folder {
  readonly path: string;
  readonly #open: TensorFile[] = [];
  #made = 0;

  private constructor(at: string) {
    this.path = at;
  }

  static async make(): Promise<Folder> {
    return new Folder(await mkdtemp(path.join(tmpdir(), 'aggregation-')));
  }

  at(name: string): string {
    return path.join(this.path, name);
  }

  async write(values: Values, dtype: FloatDtype = 'F32', name = `t${this.#made++}`): Promise<WrittenTensors> {
    const layouts = Object.entries(values).map(([tensor, list]) => ({ name: tensor, dtype, shape: [list.length] }));
    return writing(this.at(name), layouts, async (writer) => {
      for (const [tensor, list] of Object.entries(values)) {
        await writer.write(tensor, 0, encodeElements(dtype, Float64Array.from(list)));
      }
    });
  }

  async open(file: string): Promise<TensorFile> {
    const opened = await TensorFile.open(file);
    this.#open.push(opened);
    return opened;
  }

  async file(values: Values, dtype: FloatDtype = 'F32'): Promise<TensorFile> {
    return this.open((await this.write(values, dtype)).path);
  }

  async read(file: string): Promise<Record<string, number[]>> {
    const tensors = await TensorFile.open(file);
    try {
      const values: Record<string, number[]> = {};
      for (const { name } of tensors.entries) values[name] = [...(await tensors.floats(name))];
      return values;
    } finally {
      await tensors.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((file) => file.close()));
    await rm(this.path, { recursive: true, force: true });
  }
}

export const weightsOf = (values: Values): Weights =>
  Object.fromEntries(
    Object.entries(values).map(([name, list]) => [name, { shape: [list.length], data: Float32Array.from(list) }]),
  );
