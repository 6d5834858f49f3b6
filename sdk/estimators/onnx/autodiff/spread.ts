import { int, ints } from '../graph/attributes.ts';
import type { GraphWriter } from '../graph/writer.ts';
import type { WindowAxis } from './window.ts';
import { windowPads } from './window.ts';

/**
 * The adjoint of sliding `weights` over an image: spreads every output position back over its window and adds up
 * where windows overlap. The output padding restores the rows that the last stride had skipped.
 */
export function spread(
  writer: GraphWriter,
  values: string,
  { weights, windows, groups = 1 }: { weights: string; windows: readonly [WindowAxis, WindowAxis]; groups?: number },
): string {
  return writer.emit('ConvTranspose', [values, weights], {
    kernel_shape: ints(windows.map((w) => w.kernel)),
    strides: ints(windows.map((w) => w.stride)),
    dilations: ints(windows.map((w) => w.dilation)),
    pads: ints(windowPads(windows)),
    output_padding: ints(windows.map(skipped)),
    group: int(groups),
  });
}

/** Padded elements behind the last window; less than the stride. */
export function skipped(w: WindowAxis): number {
  return w.input + w.padBegin + w.padEnd - ((w.output - 1) * w.stride + w.dilation * (w.kernel - 1) + 1);
}
