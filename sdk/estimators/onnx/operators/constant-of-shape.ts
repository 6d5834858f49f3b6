import type { Operator } from '../autodiff/operator.ts';
import { findAttribute } from '../graph/attributes.ts';
import { sizeOf } from '../graph/shape.ts';
import { readInts } from '../graph/tensors.ts';
import { DataType } from '../proto/types.ts';

/** A value repeated to a shape; exporters make masks and default shapes with it. */
export const constantOfShape: Operator = {
  type: 'ConstantOfShape',
  infer: (node) => [node.intConstant(0)],
  fold: (node) => {
    const value = findAttribute(node.proto, 'value')?.t;
    const count = sizeOf(node.intConstant(0));
    if (!value || value.dataType === DataType.float32 || count > 64) return undefined;
    return new Array<number>(count).fill(readInts(value)[0] ?? 0);
  },
  stops: () => true,
};
