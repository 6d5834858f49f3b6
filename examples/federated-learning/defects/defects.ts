/** Defects drawn on a patch of a photograph. Which one, where and how large follows from the generator alone. */
import type { Random } from '../../../sdk/estimators/onnx/index.ts';

/** Side of a patch in pixels. */
export const side = 32;
/** Grey values 0..255, row by row. */
export type Patch = Uint8Array;

/** The classes, in the order of their labels. */
export const kinds = ['good', 'scratch', 'hole', 'stain'] as const;
export type Kind = (typeof kinds)[number];

/** What a pixel becomes, by its place and its grey value. */
type Stroke = (x: number, y: number, grey: number) => number;

const between = (random: Random, low: number, high: number): number => low + (high - low) * random.uniform();

/** 1 inside, 0 outside, and a soft edge of `width` pixels around distance 0. */
const inside = (distance: number, width: number): number => Math.min(1, Math.max(0, 0.5 - distance / width));

const strokes: Record<Exclude<Kind, 'good'>, (random: Random) => Stroke> = {
  /** A thin bright line. */
  scratch(random) {
    const [cx, cy, angle] = [between(random, 12, 20), between(random, 12, 20), between(random, 0, Math.PI)];
    const [reach, thickness] = [between(random, 9, 14), between(random, 0.7, 1.2)];
    const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
    return (x, y, grey) => {
      const along = Math.abs((x - cx) * dx + (y - cy) * dy) - reach;
      const across = Math.abs((y - cy) * dx - (x - cx) * dy) - thickness;
      return grey + (245 - grey) * inside(Math.max(along, across), 1);
    };
  },
  /** A dark ellipse with a hard edge. */
  hole(random) {
    const [cx, cy] = [between(random, 10, 22), between(random, 10, 22)];
    const [rx, ry, dark] = [between(random, 3, 6), between(random, 3, 6), between(random, 5, 30)];
    return (x, y, grey) => {
      const distance = (Math.hypot((x - cx) / rx, (y - cy) / ry) - 1) * Math.min(rx, ry);
      return grey + (dark - grey) * inside(distance, 1);
    };
  },
  /** A wet patch: darker, what is below still shows, no edge. */
  stain(random) {
    const [cx, cy] = [between(random, 8, 24), between(random, 8, 24)];
    const [radius, light] = [between(random, 8, 12), between(random, 0.3, 0.5)];
    return (x, y, grey) => grey * (1 - (1 - light) * inside(Math.hypot(x - cx, y - cy) - radius, 8));
  },
};

/** The patch with a defect of that kind; a good one as it is. */
export function withDefect(patch: Patch, kind: Kind, random: Random): Patch {
  if (kind === 'good') return patch;
  const stroke = strokes[kind](random);
  return patch.map((grey, i) => Math.round(stroke(i % side, Math.floor(i / side), grey)));
}
