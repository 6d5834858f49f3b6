import { requireFloat } from '../../../tensors/dtype.ts';
import { encodeElements } from '../../../tensors/elements.ts';
import type { TensorFile } from '../../../tensors/tensor-file.ts';
import { writing, type WrittenTensors } from '../../../tensors/tensor-writer.ts';

const PIECE = 256 * 1024;

/** Euclidean norm of update − global over the tensors that do not stay with the client. Sums in file order, in f64. */
export async function updateNorm(
  update: TensorFile,
  global: TensorFile,
  stays: (name: string) => boolean = () => false,
): Promise<number> {
  let sum = 0;
  for (const { name, elements } of global.entries) {
    if (stays(name)) continue;
    for (let start = 0; start < elements; start += PIECE) {
      const count = Math.min(PIECE, elements - start);
      const [is, was] = await Promise.all([update.floats(name, start, count), global.floats(name, start, count)]);
      for (let i = 0; i < count; i++) sum += ((is[i] as number) - (was[i] as number)) ** 2;
    }
  }
  return Math.sqrt(sum);
}

/**
 * Writes global + factor · (update − global), of the global layout; tensors that stay with the client are the global ones. With factor 1
 * the values of the update are kept as they are.
 */
export async function writeFinalForm(
  { update, global }: { update: TensorFile; global: TensorFile },
  { factor, stays, out }: { factor: number; stays: (name: string) => boolean; out: string },
): Promise<WrittenTensors> {
  return writing(out, global.entries, async (writer) => {
    for (const { name, dtype, elements } of writer.entries) {
      const kept = stays(name);
      for (let start = 0; start < elements; start += PIECE) {
        const count = Math.min(PIECE, elements - start);
        const source = kept ? global : update;
        if (kept || factor === 1) {
          await writer.write(name, start, await source.read(name, start, count));
          continue;
        }
        const [is, was] = await Promise.all([update.floats(name, start, count), global.floats(name, start, count)]);
        for (let i = 0; i < count; i++) is[i] = (was[i] as number) + factor * ((is[i] as number) - (was[i] as number));
        await writer.write(name, start, encodeElements(requireFloat(name, dtype), is));
      }
    }
  });
}
