import { DataType } from '../proto/types.ts';
import type { ModelProto, TensorProto } from '../proto/types.ts';
import { looksConstant } from './constants.ts';
import { readFloats } from './tensors.ts';

export interface ModelWeight {
  name: string;
  /** The initializer in the graph. */
  tensor: TensorProto;
  /** A copy of its values. */
  data: Float32Array;
}

/** The weights of a model in the order of its initializers: finite float32 tensors in use. Masks hold infinities: a weight could not. */
export function modelWeights(model: ModelProto, scalarIsWeight?: (name: string) => boolean): ModelWeight[] {
  const used = new Set(model.graph.node.flatMap((node) => node.input));
  return model.graph.initializer
    .filter((tensor) => {
      const { name = '', dataType } = tensor;
      if (dataType !== DataType.float32 || !used.has(name)) return false;
      return !looksConstant(tensor) || (scalarIsWeight?.(name) ?? false);
    })
    .map((tensor) => ({ name: tensor.name ?? '', tensor, data: readFloats(tensor) }))
    .filter(({ data }) => data.every(Number.isFinite));
}

/** Puts new values into an initializer. They are copied. */
export function replaceValues(tensor: TensorProto, data: Float32Array): void {
  tensor.rawData = new Uint8Array(data.slice().buffer);
  tensor.floatData = [];
}
