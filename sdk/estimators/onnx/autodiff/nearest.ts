import { stringAttribute } from '../graph/attributes.ts';
import type { NodeView } from './operator.ts';

interface ResizeAxis {
  input: number;
  output: number;
  scale: number;
}

/** Position in the input, in elements and fractions, by `coordinate_transformation_mode`. */
const COORDINATES: Record<string, (o: number, axis: ResizeAxis) => number> = {
  half_pixel: (o, { scale }) => (o + 0.5) / scale - 0.5,
  pytorch_half_pixel: (o, { scale, output }) => (output > 1 ? (o + 0.5) / scale - 0.5 : 0),
  align_corners: (o, { input, output }) => (output > 1 ? (o * (input - 1)) / (output - 1) : 0),
  asymmetric: (o, { scale }) => o / scale,
};

const ROUNDING: Record<string, (x: number) => number> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** For each output position of one axis of a Resize in mode nearest, the input position that it takes. */
export function nearestIndices(node: NodeView, axis: ResizeAxis): number[] {
  const mode = stringAttribute(node.proto, 'coordinate_transformation_mode', 'half_pixel');
  const coordinate = COORDINATES[mode];
  const round = ROUNDING[stringAttribute(node.proto, 'nearest_mode', 'round_prefer_floor')];
  if (!coordinate || !round) throw node.refuse(`has no gradient for coordinate_transformation_mode ${mode}`);
  const last = axis.input - 1;
  return Array.from({ length: axis.output }, (_, o) => Math.min(Math.max(round(coordinate(o, axis)), 0), last));
}
