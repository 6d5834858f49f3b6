import protobuf from 'protobufjs';
import { OnnxError, messageOf } from '../errors.ts';
import { checkTensors } from './check-tensors.ts';
import { ONNX_SCHEMA } from './schema.ts';
import type { ModelProto } from './types.ts';

const Model = protobuf.parse(ONNX_SCHEMA, { keepCase: false }).root.lookupType('onnx.ModelProto');

/**
 * Reads a serialized ModelProto. Fields outside our schema are kept and written back by `encodeModel`.
 * `origin` names the source in the error ("models/a.onnx").
 */
export function decodeModel(bytes: Uint8Array, origin = 'the model'): ModelProto {
  if (bytes.byteLength === 0) throw new OnnxError('InvalidModel', `${origin} is empty, expected an ONNX model`);
  let model: ModelProto;
  try {
    const reader = protobuf.Reader.create(bytes);
    reader.discardUnknown = false;
    model = Model.decode(reader) as unknown as ModelProto;
  } catch (error) {
    throw new OnnxError('InvalidModel', `${origin} is not an ONNX model or is truncated: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!model.graph?.output?.length || !model.graph.node.length || !model.opsetImport.length) {
    throw new OnnxError('InvalidModel', `${origin} is not an ONNX model: it has no graph with nodes and outputs`);
  }
  checkTensors(model, origin);
  return model;
}

export function encodeModel(model: ModelProto): Uint8Array {
  return Model.encode(model).finish();
}
