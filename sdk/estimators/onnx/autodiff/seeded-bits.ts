import { int, string } from '../graph/attributes.ts';
import type { GraphWriter } from '../graph/writer.ts';
import { DataType } from '../proto/types.ts';

/**
 * `count` int32 values, uniform over all 32 bits, that depend on the scalar int32 `seed` and their position alone: the finaliser
 * of splitmix32 over a sequence that starts at the seed. Not for secrets.
 */
export function seededBits(writer: GraphWriter, seed: string, count: number): string {
  const positions = writer.emit('Range', [writer.int32(0), writer.int32(count), writer.int32(1)]);
  const spaced = writer.emit('Mul', [positions, writer.int32(0x9e3779b9 | 0)]);
  let bits = writer.emit('Add', [spaced, seed]);
  bits = writer.emit('Mul', [mixDown(writer, bits, 16), writer.int32(0x21f0aaad | 0)]);
  bits = writer.emit('Mul', [mixDown(writer, bits, 15), writer.int32(0x735a2d97 | 0)]);
  return mixDown(writer, bits, 15);
}

/** x ^ (x >>> shift). Shifts are defined on unsigned numbers only, products on signed ones. */
function mixDown(writer: GraphWriter, bits: string, shift: number): string {
  const unsigned = writer.emit('Cast', [bits], { to: int(DataType.uint32) });
  const shifted = writer.emit('BitShift', [unsigned, writer.uint32(shift)], { direction: string('RIGHT') });
  return writer.emit('Cast', [writer.emit('BitwiseXor', [unsigned, shifted])], { to: int(DataType.int32) });
}
