import { int } from '../graph/attributes.ts';
import type { GraphWriter } from '../graph/writer.ts';

/** Keeps the division finite when all gradients are zero. */
const SMALL = 1e-6;

/**
 * Scales all gradients by min(1, limit / norm), where the norm is that of all of them as one vector (Pascanu et al., 2013).
 */
export function scaleToNorm(writer: GraphWriter, gradients: readonly string[], limit: number): string[] {
  const squares = gradients.map((gradient) => writer.emit('ReduceSumSquare', [gradient], { keepdims: int(0) }));
  const norm = writer.emit('Sqrt', [squares.length > 1 ? writer.emit('Sum', squares) : (squares[0] ?? '')]);
  const ratio = writer.emit('Div', [writer.scalar(limit), writer.emit('Add', [norm, writer.scalar(SMALL)])]);
  const scale = writer.emit('Min', [ratio, writer.scalar(1)]);
  return gradients.map((gradient) => writer.emit('Mul', [gradient, scale]));
}
