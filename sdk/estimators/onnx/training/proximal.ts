import type { GraphWriter } from '../graph/writer.ts';
import type { Slot } from './step-graph.ts';

/**
 * Adds the gradient of the proximal term mu/2 |w - w_start|² to each gradient: g + mu (w - w_start) (Li et al., "Federated
 * Optimization in Heterogeneous Networks", 2020, equation 2). `starts`: inputs of the step with the weights that the training began with.
 */
export function addProximal(
  writer: GraphWriter,
  parts: { parameters: Slot[]; gradients: string[] },
  mu: number,
): { gradients: string[]; starts: Slot[] } {
  const starts = parts.parameters.map(({ name, shape }): Slot => {
    const start = writer.fresh(`training/${name}/start`);
    return { name: start, next: start, shape };
  });
  const gradients = parts.gradients.map((gradient, i) => {
    const away = writer.emit('Sub', [parts.parameters[i]?.name ?? '', starts[i]?.name ?? '']);
    return writer.emit('Add', [gradient, writer.emit('Mul', [away, writer.scalar(mu)])]);
  });
  return { gradients, starts };
}
