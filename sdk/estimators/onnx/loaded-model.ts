import type { Weights } from '../estimator.ts';
import { OnnxError } from './errors.ts';
import { sizeOf } from './graph/shape.ts';
import { readFloats, tensorShape } from './graph/tensors.ts';
import { OnnxModel } from './onnx-model.ts';
import { dataInputs } from './autodiff/forward.ts';
import { decodeModel, encodeModel } from './proto/codec.ts';
import { DataType } from './proto/types.ts';
import type { ModelProto, TensorProto, ValueInfoProto } from './proto/types.ts';

/** A model in memory: its graph, its weights, and the session that predicts with them. */
export class LoadedModel {
  readonly proto: ModelProto;
  /** Weights by name, in the order of the initializers. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly #threads: number | undefined;
  #session: Promise<OnnxModel> | undefined;

  private constructor(proto: ModelProto, threads?: number) {
    this.proto = proto;
    this.#threads = threads;
    this.weights = new Map(trainable(proto).map((tensor) => [tensor.name ?? '', readFloats(tensor)]));
  }

  /** Decodes bytes; `origin` names them in errors. Fields of the file that we do not know are kept. */
  static decode(bytes: Uint8Array, origin: string, threads?: number): LoadedModel {
    return new LoadedModel(decodeModel(bytes, origin), threads);
  }

  shapes(): Map<string, number[]> {
    return new Map(trainable(this.proto).map((tensor) => [tensor.name ?? '', tensorShape(tensor)]));
  }

  /** Copies checked weights in and drops the session that predicted with the old ones. */
  async replaceWeights(weights: ReadonlyMap<string, Float32Array>): Promise<void> {
    for (const [name, data] of weights) this.weights.get(name)?.set(data);
    await this.close();
  }

  /** The inference model with the present weights, as the bytes of a file. */
  encode(): Uint8Array {
    for (const tensor of trainable(this.proto)) {
      const data = this.weights.get(tensor.name ?? '') ?? new Float32Array();
      tensor.rawData = new Uint8Array(data.slice().buffer);
      tensor.floatData = [];
    }
    return encodeModel(this.proto);
  }

  session(): Promise<OnnxModel> {
    return (this.#session ??= OnnxModel.open(this.#openBatch(), { threads: this.#threads }));
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await (await session?.catch(() => undefined))?.close();
  }

  /** A model exported for a fixed number of rows predicts for any number. */
  #openBatch(): Uint8Array {
    const model = decodeModel(this.encode());
    const opened = [...dataInputs(model), ...model.graph.output].map(openFirstDimension);
    if (opened.some(Boolean)) model.graph.valueInfo = [];
    return encodeModel(model);
  }
}

function openFirstDimension(value: ValueInfoProto): boolean {
  const dims = value.type?.tensorType?.shape?.dim;
  if (!dims?.[0] || !Object.hasOwn(dims[0], 'dimValue')) return false;
  dims[0] = { dimParam: 'N' };
  return true;
}

function trainable(model: ModelProto): TensorProto[] {
  const used = new Set(model.graph.node.flatMap((node) => node.input));
  return model.graph.initializer.filter(
    (tensor) => tensor.dataType === DataType.float32 && used.has(tensor.name ?? ''),
  );
}

/** Refuses weights that do not fit, by name; all of them are checked before any is used. */
export function checkWeights(weights: Weights, shapes: ReadonlyMap<string, readonly number[]>): void {
  const fail = (message: string) => new OnnxError('InvalidWeights', `weights: ${message}`);
  const known = [...shapes.keys()].join(', ');
  for (const name of Object.keys(weights))
    if (!shapes.has(name)) throw fail(`"${name}" is not a parameter; the model has ${known}`);
  for (const [name, shape] of shapes) {
    const given = weights[name];
    if (!given) throw fail(`"${name}" is missing`);
    if (given.shape.join() !== shape.join()) throw fail(`"${name}" has shape [${given.shape}], expected [${shape}]`);
    if (given.data.length !== sizeOf(shape))
      throw fail(`"${name}" has ${given.data.length} values, expected ${sizeOf(shape)}`);
    const bad = given.data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw fail(`"${name}" has ${given.data[bad]} at position ${bad}`);
  }
}
