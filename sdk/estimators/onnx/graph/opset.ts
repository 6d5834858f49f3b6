import { OnnxError } from '../errors.ts';
import { toNumber } from '../proto/types.ts';
import type { ModelProto, NodeProto } from '../proto/types.ts';
import { int, intAttribute } from './attributes.ts';

/** Of the inference models that the builder makes: old enough for every runtime in use. */
export const OPSET = 17;
/** First IR version that may hold opset 17. */
export const IR_VERSION = 8;

/**
 * Of training graphs, which only our own runtime sees. ReduceSum takes axes as input (13), ScatterElements can add (16), and
 * the shape inference of poolings with `ceil_mode` agrees with the kernels (22).
 */
export const TRAINING_OPSET = 22;
export const TRAINING_IR_VERSION = 10;

const OLDEST = 7;

export function opsetOf(model: ModelProto): number {
  const core = model.opsetImport.find(({ domain }) => !domain || domain === 'ai.onnx');
  return toNumber(core?.version);
}

/**
 * Opset for a training graph that contains the model's own nodes: at least ours. `liftInputs` has moved attributes that became
 * inputs; of the differentiable operators only Softmax and LogSoftmax changed meaning between 7 and 22: before 13 they
 * flattened everything from `axis` (default 1) on.
 */
export function liftNodes(model: ModelProto, nodes: readonly NodeProto[], rankOf: (name: string) => number): number {
  const opset = opsetOf(model);
  if (opset < OLDEST)
    throw new OnnxError('InvalidModel', `opset ${opset} is too old to train; export with 13 or newer`);
  if (opset >= 13) return Math.max(opset, TRAINING_OPSET);
  for (const node of nodes) {
    if (node.opType !== 'Softmax' && node.opType !== 'LogSoftmax') continue;
    const rank = rankOf(node.input[0] ?? '');
    const axis = intAttribute(node, 'axis', 1);
    if (axis !== rank - 1 && axis !== -1) {
      throw new OnnxError(
        'InvalidModel',
        `${node.opType} "${node.name}" over several axes (opset ${opset}); export with opset 13`,
      );
    }
    node.attribute = [{ name: 'axis', ...int(-1) }];
  }
  return TRAINING_OPSET;
}
