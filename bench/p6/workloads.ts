import { encodeModel, GraphBuilder, mlp, Random } from '../../sdk/estimators/onnx/index.ts';
import { wholeRequest } from './client.ts';

export interface Workload {
  name: string;
  model: Uint8Array;
  /** Of one row, without the row dimension. */
  shape: number[];
}

/** 128 → 256 → 10. */
export const vector = (): Workload => ({
  name: 'vector of 128',
  model: encodeModel(mlp({ inputs: 128, hidden: [256], outputs: 10 })),
  shape: [128],
});

/** Three strided convolutions and a dense layer: what an edge box can do many times a second. */
export const image = (): Workload => ({
  name: 'image of 3 × 224 × 224',
  model: imageModel(8).toBytes(),
  shape: [3, 224, 224],
});

export const imageModel = (filters: number): GraphBuilder =>
  new GraphBuilder()
    .input([3, 224, 224])
    .conv2d(filters, { kernel: 7, stride: 4, padding: 3 })
    .relu()
    .conv2d(2 * filters, { kernel: 3, stride: 2, padding: 1 })
    .relu()
    .maxPool({ kernel: 2 })
    .flatten()
    .dense(10);

export function row({ shape }: Pick<Workload, 'shape'>, seed = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => Math.fround(random.uniform()));
}

export interface Requests {
  /** To Sedna's `/sedna/predict`: nested lists. */
  lists: Buffer;
  /** Open Inference Protocol, JSON. */
  json: Buffer;
  /** The same, tensors in binary both ways. */
  binary: Buffer;
}

export function requestsOf(workload: Pick<Workload, 'shape'>, input: string): Requests {
  const data = row(workload);
  const tensor = { name: input, shape: [1, ...workload.shape], datatype: 'FP32' };
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const header = json({
    parameters: { binary_data_output: true },
    inputs: [{ ...tensor, parameters: { binary_data_size: data.byteLength } }],
  });
  const asJson = { 'content-type': 'application/json' };
  return {
    lists: wholeRequest('/sedna/predict', json({ data: [nested(Array.from(data), workload.shape)] }), asJson),
    json: wholeRequest('/v2/models/bench/infer', json({ inputs: [{ ...tensor, data: Array.from(data) }] }), asJson),
    binary: wholeRequest('/v2/models/bench/infer', Buffer.concat([header, Buffer.from(data.buffer)]), {
      'inference-header-content-length': String(header.byteLength),
    }),
  };
}

export function nested(flat: readonly number[], [size = 1, ...rest]: readonly number[]): unknown {
  if (rest.length === 0) return flat;
  const step = flat.length / size;
  return Array.from({ length: size }, (_, i) => nested(flat.slice(i * step, (i + 1) * step), rest));
}
