import { int } from '../graph/attributes.ts';
import type { GraphWriter } from '../graph/writer.ts';
import { DataType } from '../proto/types.ts';

/** A boolean value as 0/1 floats. */
export function maskOf(writer: GraphWriter, condition: string): string {
  return writer.emit('Cast', [condition], { to: int(DataType.float32) });
}
