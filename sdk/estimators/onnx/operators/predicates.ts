import { broadcastShapes } from '../autodiff/broadcast.ts';
import { foldElements } from '../autodiff/fold.ts';
import type { NodeView, Operator } from '../autodiff/operator.ts';

/** Comparisons and logic: their results jump, so that nothing trains through them. */
const RULES: Record<string, (a: number, b: number) => boolean> = {
  And: (a, b) => a !== 0 && b !== 0,
  Equal: (a, b) => a === b,
  Greater: (a, b) => a > b,
  GreaterOrEqual: (a, b) => a >= b,
  Less: (a, b) => a < b,
  LessOrEqual: (a, b) => a <= b,
  Not: (a) => a === 0,
  Or: (a, b) => a !== 0 || b !== 0,
};

export const predicates: readonly Operator[] = Object.entries(RULES).map(([type, rule]) => ({
  type,
  infer: (node: NodeView) => [
    node.has(1) ? broadcastShapes(node, node.inputShape(0), node.inputShape(1)) : node.inputShape(0),
  ],
  fold: (node: NodeView) => foldElements(node, (a = 0, b = 0) => (rule(a, b) ? 1 : 0)),
  stops: () => true,
}));
