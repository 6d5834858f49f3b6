import type { ModelProto } from '../proto/types.ts';

/**
 * The model as it predicts: what exporters leave in training form (BatchNormalization with batch statistics, active Dropout) is put
 * back, since training here has forms of its own.
 */
export function inferenceForm(model: ModelProto): ModelProto {
  for (const node of model.graph.node) {
    if (node.opType === 'BatchNormalization') {
      node.attribute = node.attribute?.filter(({ name }) => name !== 'training_mode');
      node.output.splice(1);
    } else if (node.opType === 'Dropout') node.input.splice(2);
  }
  return model;
}
