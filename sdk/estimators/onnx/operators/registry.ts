import { OnnxError } from '../errors.ts';
import type { NodeView, Operator } from '../autodiff/operator.ts';
import { abs } from './abs.ts';
import { add } from './add.ts';
import { averagePool } from './average-pool.ts';
import { batchNormalization } from './batch-normalization.ts';
import { cast } from './cast.ts';
import { clip } from './clip.ts';
import { concat } from './concat.ts';
import { constantOfShape } from './constant-of-shape.ts';
import { constant } from './constant.ts';
import { conv } from './conv.ts';
import { div } from './div.ts';
import { dropout } from './dropout.ts';
import { elu } from './elu.ts';
import { erf } from './erf.ts';
import { exp } from './exp.ts';
import { expand } from './expand.ts';
import { flatten } from './flatten.ts';
import { gather } from './gather.ts';
import { gelu } from './gelu.ts';
import { gemm } from './gemm.ts';
import { globalAveragePool } from './global-average-pool.ts';
import { hardSigmoid } from './hard-sigmoid.ts';
import { hardSwish } from './hard-swish.ts';
import { identity } from './identity.ts';
import { layerNormalization } from './layer-normalization.ts';
import { leakyRelu } from './leaky-relu.ts';
import { logSoftmax } from './log-softmax.ts';
import { log } from './log.ts';
import { matMul } from './mat-mul.ts';
import { maxPool } from './max-pool.ts';
import { mul } from './mul.ts';
import { neg } from './neg.ts';
import { pad } from './pad.ts';
import { pow } from './pow.ts';
import { predicates } from './predicates.ts';
import { range } from './range.ts';
import { reciprocal } from './reciprocal.ts';
import { reduceMean } from './reduce-mean.ts';
import { reduceProd } from './reduce-prod.ts';
import { reduceSum } from './reduce-sum.ts';
import { relu } from './relu.ts';
import { reshape } from './reshape.ts';
import { resize } from './resize.ts';
import { shapeOf, size } from './shape-of.ts';
import { sigmoid } from './sigmoid.ts';
import { slice } from './slice.ts';
import { softmax } from './softmax.ts';
import { softplus } from './softplus.ts';
import { split } from './split.ts';
import { sqrt } from './sqrt.ts';
import { squeeze } from './squeeze.ts';
import { sub } from './sub.ts';
import { tanh } from './tanh.ts';
import { transpose } from './transpose.ts';
import { trilu } from './trilu.ts';
import { unsqueeze } from './unsqueeze.ts';
import { where } from './where.ts';

/** Every operator that a trainable model may hold. A new one is a file of its own and a line here. */
const OPERATORS: readonly Operator[] = [
  abs,
  add,
  averagePool,
  batchNormalization,
  cast,
  clip,
  concat,
  constant,
  constantOfShape,
  conv,
  div,
  dropout,
  elu,
  erf,
  exp,
  expand,
  flatten,
  gather,
  gelu,
  gemm,
  globalAveragePool,
  hardSigmoid,
  hardSwish,
  identity,
  layerNormalization,
  leakyRelu,
  log,
  logSoftmax,
  matMul,
  maxPool,
  mul,
  neg,
  pad,
  pow,
  range,
  reciprocal,
  reduceMean,
  reduceProd,
  reduceSum,
  relu,
  reshape,
  resize,
  shapeOf,
  sigmoid,
  size,
  slice,
  softmax,
  softplus,
  split,
  sqrt,
  squeeze,
  sub,
  tanh,
  transpose,
  trilu,
  unsqueeze,
  where,
  ...predicates,
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
