/** What models are, in the words of the protocol and its extensions. */
import type { TensorInfo } from '../tensor.ts';
import { wireShape } from './codec/bind-inputs.ts';
import { wireType } from './codec/element-types.ts';
import type { Duration, ModelStatistics } from './metrics/model-statistics.ts';
import type { ServedModel } from './served-model.ts';

export const EXTENSIONS = ['binary_tensor_data', 'model_configuration', 'model_repository', 'statistics'];

export const platformOf = (model: ServedModel): string => model.platform ?? 'onnxruntime_onnx';

export function versionsOf(model: ServedModel): string[] {
  const version = model.version();
  return version === undefined ? [] : [version];
}

export const describeTensor = ({ name, datatype, shape }: TensorInfo) => ({
  name,
  datatype: wireType(datatype),
  shape: wireShape(shape),
});

export const describeModel = (model: ServedModel) => ({
  name: model.name,
  versions: versionsOf(model),
  platform: platformOf(model),
  inputs: model.inputs.map(describeTensor),
  outputs: model.outputs.map(describeTensor),
});

/** As Triton's ModelConfig has it; `max_batch_size` 0: shapes are whole, the first dimension is not taken off. */
export const describeConfig = (model: ServedModel) => ({
  name: model.name,
  platform: platformOf(model),
  backend: platformOf(model) === 'onnxruntime_onnx' ? 'onnxruntime' : '',
  max_batch_size: 0,
  input: model.inputs.map(configTensor),
  output: model.outputs.map(configTensor),
});

const configTensor = ({ name, datatype, shape }: TensorInfo) => ({
  name,
  data_type: datatype === 'string' ? 'TYPE_STRING' : `TYPE_${wireType(datatype)}`,
  dims: wireShape(shape),
});

const nanoseconds = ({ count, us }: Duration) => ({ count, ns: Math.round(us * 1_000) });

/** As Triton's statistics extension has it. Durations of batches are those of the model alone. */
export const describeStatistics = (all: readonly ModelStatistics[]) => ({
  model_stats: all.map((one) => ({
    name: one.model,
    version: one.version,
    last_inference: one.lastInference,
    inference_count: one.inferences,
    execution_count: one.executions,
    inference_stats: {
      success: nanoseconds(one.success),
      fail: nanoseconds(one.fail),
      queue: nanoseconds(one.queue),
      compute_input: nanoseconds(one.computeInput),
      compute_infer: nanoseconds(one.computeInfer),
      compute_output: nanoseconds(one.computeOutput),
    },
    batch_stats: [...one.batches].map(([size, duration]) => ({
      batch_size: size,
      compute_infer: nanoseconds(duration),
    })),
  })),
});
