/** Updates on their way to the aggregator: what they changed, in fewer bytes. Names are prefixed, so that no update is mistaken for another form. */
import { encodeElements } from '../../tensors/elements.ts';
import { TensorError, writing } from '../../tensors/index.ts';
import type { TensorFile, TensorLayout, WrittenTensors } from '../../tensors/index.ts';

export type Compression = 'f16' | 'int8';

const CHANGE = 'change:';
const SCALE = 'scale:';
const MOST = 127;

/**
 * Writes update − global: as F16, or as I8 with one F32 scale per tensor, largest change / 127 (symmetric, rounded half away from
 * zero). Deterministic. Throws `NotFinite` for a change that F16 cannot hold.
 */
export async function compress(
  files: { update: TensorFile; global: TensorFile },
  how: Compression,
  out: string,
): Promise<WrittenTensors> {
  const layouts = files.update.entries.flatMap(({ name, shape }): TensorLayout[] =>
    how === 'f16'
      ? [{ name: CHANGE + name, dtype: 'F16', shape }]
      : [
          { name: CHANGE + name, dtype: 'I8', shape },
          { name: SCALE + name, dtype: 'F32', shape: [] },
        ],
  );
  return writing(out, layouts, async (writer) => {
    for (const { name } of files.update.entries) {
      const change = await changeOf(files, name);
      if (how === 'f16') {
        await writer.write(CHANGE + name, 0, encodeElements('F16', halves(change, name)));
        continue;
      }
      // Of float32, as it will be read again.
      const scale = Math.fround(change.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / MOST);
      const steps = Int8Array.from(change, (value) => (scale === 0 ? 0 : nearest(value / scale)));
      await writer.write(CHANGE + name, 0, new Uint8Array(steps.buffer));
      await writer.write(SCALE + name, 0, encodeElements('F32', Float64Array.of(scale)));
    }
  });
}

/** Whether a file is what `compress` wrote. */
export function isCompressed({ entries }: TensorFile): boolean {
  return entries.length > 0 && entries.every(({ name }) => name.startsWith(CHANGE) || name.startsWith(SCALE));
}

/** Writes global + change in the global layout, and gives the path. Undefined: the file is not compressed; it is to be read as it is. */
export async function expand(compressed: TensorFile, global: TensorFile, out: string): Promise<string | undefined> {
  if (!isCompressed(compressed)) return undefined;
  const { path } = await writing(out, global.entries, async (writer) => {
    for (const { name, dtype } of global.entries) {
      const values = await global.floats(name);
      const change = await readChange(compressed, name);
      values.forEach((value, i) => (values[i] = value + (change[i] ?? 0)));
      await writer.write(name, 0, encodeElements(dtype as 'F32', values));
    }
  });
  return path;
}

async function readChange(file: TensorFile, name: string): Promise<Float64Array> {
  if (!file.has(SCALE + name)) return file.floats(CHANGE + name);
  const [scale = 0] = await file.floats(SCALE + name);
  const raw = await file.read(CHANGE + name);
  return Float64Array.from(new Int8Array(raw.buffer, raw.byteOffset, raw.byteLength), (step) => step * scale);
}

async function changeOf({ update, global }: { update: TensorFile; global: TensorFile }, name: string) {
  const [is, was] = await Promise.all([update.floats(name), global.floats(name)]);
  return is.map((value, i) => value - (was[i] ?? 0));
}

/** 65 520 and more would round to infinity. */
function halves(change: Float64Array, name: string): Float64Array {
  const at = change.findIndex((value) => Math.abs(value) >= 65_520);
  if (at < 0) return change;
  throw new TensorError(
    'NotFinite',
    `tensor ${JSON.stringify(name)}: element ${at} changed by ${change[at]}, too far for f16`,
  );
}

function nearest(value: number): number {
  return Math.sign(value) * Math.min(MOST, Math.round(Math.abs(value)));
}
