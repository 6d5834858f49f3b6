/** Corners in pixels, the upper left one first. */
export interface Box {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  score: number;
  label: number;
}

/** The best boxes, best first: one that overlaps a better one of its class by more than the threshold is left out. */
export function suppress(
  boxes: readonly Box[],
  { iouThreshold, maxBoxes }: { iouThreshold: number; maxBoxes: number },
): Box[] {
  const kept: Box[] = [];
  for (const box of [...boxes].sort((a, b) => b.score - a.score)) {
    if (kept.length === maxBoxes) break;
    if (!kept.some((better) => better.label === box.label && overlap(better, box) > iouThreshold)) kept.push(box);
  }
  return kept;
}

/** Intersection over union. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1);
  const height = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / (area(a) + area(b) - both);
}

const area = ({ x1, y1, x2, y2 }: Box): number => Math.max(0, x2 - x1) * Math.max(0, y2 - y1);
