import type { Weights } from '../estimator.ts';
import { OnnxError } from './errors.ts';
import { inferenceForm } from './graph/inference-form.ts';
import { sizeOf } from './graph/shape.ts';
import { tensorShape } from './graph/tensors.ts';
import { modelWeights, replaceValues } from './graph/weights.ts';
import { OnnxModel } from './onnx-model.ts';
import { dataInputs } from './autodiff/forward.ts';
import { decodeModel, encodeModel } from './proto/codec.ts';
import type { ModelProto, TensorProto, ValueInfoProto } from './proto/types.ts';
import type { SessionOptions } from './runtime.ts';

export interface LoadOptions {
  session?: SessionOptions;
  /** Whether an initializer that looks like a constant of the graph (rank 0) is a weight. Default: none is. */
  scalarIsWeight?: (name: string) => boolean;
}

/** A model in memory: its graph, its weights, and the session that predicts with them. */
export class LoadedModel {
  /** Weights by name, in the order of the initializers: finite float32 tensors in use. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly #proto: ModelProto;
  readonly #tensors = new Map<string, TensorProto>();
  readonly #options: SessionOptions;
  #session: Promise<OnnxModel> | undefined;
  /** Whether the graph's initializers are older than `weights`. */
  #stale = false;

  private constructor(proto: ModelProto, { session = {}, scalarIsWeight }: LoadOptions) {
    this.#proto = inferenceForm(proto);
    this.#options = session;
    const weights = new Map<string, Float32Array>();
    for (const { name, tensor, data } of modelWeights(proto, scalarIsWeight)) {
      weights.set(name, data);
      this.#tensors.set(name, tensor);
    }
    this.weights = weights;
  }

  /** Decodes bytes; `origin` names them in errors. Fields of the file that we do not know are kept. */
  static decode(bytes: Uint8Array, origin: string, options: LoadOptions = {}): LoadedModel {
    return new LoadedModel(decodeModel(bytes, origin), options);
  }

  /** The graph with the present weights in its initializers; not to be changed. */
  get proto(): ModelProto {
    if (this.#stale) {
      for (const [name, tensor] of this.#tensors) {
        replaceValues(tensor, this.weights.get(name) ?? new Float32Array());
      }
      this.#stale = false;
    }
    return this.#proto;
  }

  shapes(): Map<string, number[]> {
    return new Map([...this.#tensors].map(([name, tensor]) => [name, tensorShape(tensor)]));
  }

  /** Copies checked weights in and drops the session that predicted with the old ones. */
  async replaceWeights(weights: ReadonlyMap<string, Float32Array>): Promise<void> {
    for (const [name, data] of weights) this.weights.get(name)?.set(data);
    this.#stale = true;
    await this.close();
  }

  /** The inference model with the present weights, as the bytes of a file. */
  encode(): Uint8Array {
    return encodeModel(this.proto);
  }

  session(): Promise<OnnxModel> {
    return (this.#session ??= OnnxModel.open(openBatch(decodeModel(this.encode())), this.#options));
  }

  /** A session of its own, for the caller to close, that gives the value of this name. */
  async sessionUpTo(value: string): Promise<OnnxModel> {
    const model = decodeModel(this.encode());
    model.graph.output = [{ name: value }];
    return OnnxModel.open(openBatch(model), this.#options);
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await (await session?.catch(() => undefined))?.close();
  }
}

/** A model exported for a fixed number of rows predicts for any number. */
function openBatch(model: ModelProto): Uint8Array {
  const opened = [...dataInputs(model), ...model.graph.output].map(openFirstDimension);
  if (opened.some(Boolean)) model.graph.valueInfo = [];
  return encodeModel(model);
}

function openFirstDimension(value: ValueInfoProto): boolean {
  const dims = value.type?.tensorType?.shape?.dim;
  if (!dims?.[0] || !Object.hasOwn(dims[0], 'dimValue')) return false;
  dims[0] = { dimParam: 'N' };
  return true;
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
