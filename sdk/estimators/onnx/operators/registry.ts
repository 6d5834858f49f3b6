import { OnnxError } from '../errors.ts';
import type { NodeView, Operator } from '../autodiff/operator.ts';
import { add } from './add.ts';
import { averagePool } from './average-pool.ts';
import { constant } from './constant.ts';
import { conv } from './conv.ts';
import { flatten } from './flatten.ts';
import { gemm } from './gemm.ts';
import { identity } from './identity.ts';
import { matMul } from './mat-mul.ts';
import { maxPool } from './max-pool.ts';
import { mul } from './mul.ts';
import { relu } from './relu.ts';
import { reshape } from './reshape.ts';
import { sigmoid } from './sigmoid.ts';
import { softmax } from './softmax.ts';
import { tanh } from './tanh.ts';

/** Every operator that a trainable model may hold. A new one is a file of its own and a line here. */
const OPERATORS: readonly Operator[] = [
  add,
  averagePool,
  constant,
  conv,
  flatten,
  gemm,
  identity,
  matMul,
  maxPool,
  mul,
  relu,
  reshape,
  sigmoid,
  softmax,
  tanh,
];

const byType = new Map(OPERATORS.map((operator) => [operator.type, operator]));

export function supportedOperators(): string[] {
  return [...byType.keys()].sort();
}

/** The rule for a node, refused by operator and node name if there is none. */
export function findOperator(node: NodeView): Operator {
  const domain = node.proto.domain ?? '';
  const operator = domain === '' || domain === 'ai.onnx' ? byType.get(node.proto.opType) : undefined;
  if (operator) return operator;
  const from = domain ? ` of domain ${domain}` : '';
  throw new OnnxError(
    'UnsupportedOperator',
    `operator ${node.label}${from} cannot be trained; supported: ${supportedOperators().join(', ')}`,
  );
}
