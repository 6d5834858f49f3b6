import type { BoxOptions } from '../../../crds/lib/signature.ts';
import type { Placement } from './image.ts';
import { suppress, type Box } from './non-maximum-suppression.ts';

/** Candidates of one image, as a detector gives them. */
export interface Candidates {
  /** `count` times `size` values: four coordinates, objectness if there is one, a score for each class. */
  data: ArrayLike<number>;
  count: number;
  size: number;
  /** Height and width of what the model saw. */
  height: number;
  width: number;
}

/**
 * Boxes of one image, best first: candidates above the threshold, in pixels of the original where `placement` tells how it lay in what
 * the model saw, the weaker of two that overlap taken away.
 */
export function decodeBoxes(candidates: Candidates, options: BoxOptions, placement?: Placement): Box[] {
  const { scoreThreshold = 0.5, iouThreshold = 0.5, maxBoxes = 100, normalized = false } = options;
  const found: Box[] = [];
  for (let i = 0; i < candidates.count; i++) {
    const value = valueOf(candidates, options, i);
    const { score, label } = bestClass(candidates.size, value, options);
    if (!(score >= scoreThreshold)) continue;
    const [x1, y1, x2, y2] = corners(value, options);
    const [width, height] = normalized ? [candidates.width, candidates.height] : [1, 1];
    found.push({ ...original([x1 * width, y1 * height, x2 * width, y2 * height], placement), score, label });
  }
  return suppress(found, { iouThreshold, maxBoxes });
}

type Value = (index: number) => number;

function valueOf({ data, count, size }: Candidates, { transposed = false }: BoxOptions, candidate: number): Value {
  return transposed ? (index) => data[index * count + candidate] ?? 0 : (index) => data[candidate * size + index] ?? 0;
}

function bestClass(size: number, value: Value, { objectness = false }: BoxOptions): { score: number; label: number } {
  const first = objectness ? 5 : 4;
  let best = first;
  for (let i = first + 1; i < size; i++) if (value(i) > value(best)) best = i;
  // A detector of one kind of thing may have no classes.
  const score = size > first ? value(best) : 1;
  return { score: objectness ? score * value(4) : score, label: best - first };
}

function corners(value: Value, { format = 'CXCYWH' }: BoxOptions): [number, number, number, number] {
  const [a, b, c, d] = [value(0), value(1), value(2), value(3)];
  switch (format) {
    case 'XYXY':
      return [a, b, c, d];
    case 'YXYX':
      return [b, a, d, c];
    case 'XYWH':
      return [a, b, a + c, b + d];
    case 'CXCYWH':
      return [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
  }
}

type Corners = [x1: number, y1: number, x2: number, y2: number];

/** Back through resizing, and cut at the border of the image. */
function original([x1, y1, x2, y2]: Corners, placement: Placement | undefined): Omit<Box, 'score' | 'label'> {
  if (!placement) return { x1, y1, x2, y2 };
  const { scaleX, scaleY, offsetX, offsetY, width, height } = placement;
  const x = (value: number) => Math.min(Math.max((value - offsetX) / scaleX, 0), width);
  const y = (value: number) => Math.min(Math.max((value - offsetY) / scaleY, 0), height);
  return { x1: x(x1), y1: y(y1), x2: x(x2), y2: y(y2) };
}
