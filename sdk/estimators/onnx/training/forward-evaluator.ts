import { OnnxError } from '../errors.ts';
import { sizeOf } from '../graph/shape.ts';
import { valueInfo } from '../graph/writer.ts';
import type { LoadedModel } from '../loaded-model.ts';
import { finalNode } from '../losses/logits.ts';
import type { Loss } from '../losses/loss.ts';
import type { TensorInfo } from '../../../tensor.ts';
import type { OnnxModel } from '../onnx-model.ts';
import { DataType } from '../proto/types.ts';
import type { ModelProto } from '../proto/types.ts';
import { checkSamples } from '../samples.ts';
import type { AnySamples } from '../samples.ts';
import { memorySource } from './batch-source.ts';
import { Mean } from './mean.ts';
import type { Averages } from './mean.ts';
import { StepSessions } from './sessions.ts';
import { TrainingState } from './state.ts';
import { buildStep } from './step-graph.ts';

const BATCH = 64;
const TYPES: Record<string, number> = { float32: DataType.float32, int32: DataType.int32, int64: DataType.int64 };

/** The activations that a loss looks behind. */
const LOGITS_BEHIND: Record<string, string> = { softmaxCrossEntropy: 'Softmax', bceWithLogits: 'Sigmoid' };

export interface ForwardRequest {
  model: LoadedModel;
  loss: Loss;
  /** Default: the first input and output. */
  input?: string;
  output?: string;
  samples: AnySamples;
}

/**
 * Judges a model that the rules of training do not know (operators, or forms of them): the runtime computes its outputs, and
 * the loss is a graph of its own over them.
 */
export async function evaluateForward(request: ForwardRequest): Promise<Averages> {
  const { model, loss, samples } = request;
  const output = request.output ?? model.proto.graph.output[0]?.name ?? '';
  const session = await model.sessionUpTo(valueToJudge(model.proto, output, loss));
  try {
    const outputs = await runAll(session, inputOf(session, request.input), samples);
    const shape = outputs.shape.slice(1);
    const layout = { elemType: DataType.float32, size: sizeOf(shape), classes: shape.at(-1) ?? 1, labels: loss.labels };
    const judged: AnySamples = { ...samples, inputs: outputs.data, shape };
    checkSamples(judged, layout);
    return await judge(judged, loss);
  } finally {
    await session.close();
  }
}

/** Averages of the loss over outputs that are there already. */
async function judge(outputs: AnySamples, loss: Loss): Promise<Averages> {
  const model = passThrough(outputs.shape);
  const sessions = new StepSessions((batch) => buildStep({ model, batch, loss }), new TrainingState([]), {});
  const mean = new Mean();
  try {
    for await (const batch of memorySource(outputs).inOrder({ batchSize: BATCH, from: 0 })) {
      const step = await sessions.get(batch.rows);
      batch.copyTo(step);
      mean.add(await step.run(), batch.rows);
    }
  } finally {
    await sessions.close();
  }
  return mean.result();
}

async function runAll(
  session: OnnxModel,
  input: TensorInfo,
  { inputs, shape, count }: AnySamples,
): Promise<{ data: Float32Array; shape: number[] }> {
  const width = sizeOf(shape);
  const parts: Float32Array[] = [];
  let outputShape: number[] = [];
  for (let start = 0; start < count; start += BATCH) {
    const rows = Math.min(BATCH, count - start);
    const slice = inputs.subarray(start * width, (start + rows) * width);
    const data = input.datatype === 'int64' && slice instanceof Int32Array ? BigInt64Array.from(slice, BigInt) : slice;
    const results = await session.run({ [input.name]: { datatype: input.datatype, data, shape: [rows, ...shape] } });
    const [result] = Object.values(results);
    if (!(result?.data instanceof Float32Array)) throw new OnnxError('InvalidModel', 'the output is not float32');
    parts.push(result.data);
    outputShape = result.shape;
  }
  const whole = new Float32Array(count * sizeOf(outputShape.slice(1)));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return { data: whole, shape: outputShape };
}

function inputOf(session: OnnxModel, wanted: string | undefined): TensorInfo {
  const info = session.inputs.find(({ name }) => name === (wanted ?? session.inputs[0]?.name));
  if (!info) throw new OnnxError('InvalidOptions', `option input: the model has no input "${wanted}"`);
  if (TYPES[info.datatype] !== undefined) return info;
  throw new OnnxError('InvalidModel', `input "${info.name}" is ${info.datatype}, expected float32, int32 or int64`);
}

/** The value in front of the model's last activation where the loss wants logits. */
function valueToJudge({ graph }: ModelProto, output: string, loss: Loss): string {
  const last = finalNode(output, (name) => graph.node.find((node) => node.output[0] === name));
  return last && last.opType === LOGITS_BEHIND[loss.name] ? (last.input[0] ?? output) : output;
}

/** A model that gives what it is given. */
function passThrough(shape: readonly number[]): ModelProto {
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'outputs',
      node: [{ opType: 'Identity', name: 'outputs', input: ['x'], output: ['y'] }],
      initializer: [],
      input: [valueInfo('x', ['N', ...shape])],
      output: [valueInfo('y', ['N', ...shape])],
    },
  };
}
