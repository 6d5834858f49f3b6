import type { NodeView, Operator } from '../autodiff/operator.ts';

/** Whole numbers from a start to a limit; positions of tokens are made with it. */
export const range: Operator = {
  type: 'Range',
  infer: (node) => [[numbers(node).length]],
  fold: numbers,
  stops: () => true,
};

function numbers(node: NodeView): number[] {
  const [start = 0, limit = 0, delta = 1] = [0, 1, 2].map((i) => node.intConstant(i)[0]);
  return Array.from({ length: Math.max(0, Math.ceil((limit - start) / delta)) }, (_, i) => start + i * delta);
}
