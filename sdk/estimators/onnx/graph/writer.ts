import type { NodeProto, TensorProto, ValueInfoProto } from '../proto/types.ts';
import { DataType } from '../proto/types.ts';
import { toProto } from './attributes.ts';
import type { Attributes } from './attributes.ts';
import type { Shape } from './shape.ts';
import { floatTensor, intTensor } from './tensors.ts';

/** Appends nodes and constants to a graph under names that are free in it. */
export class GraphWriter {
  readonly nodes: NodeProto[] = [];
  readonly initializers: TensorProto[] = [];
  readonly #names: Set<string>;
  readonly #constants = new Map<string, string>();
  readonly #counters = new Map<string, number>();

  /** `taken`: names that the graph already uses. */
  constructor(taken: Iterable<string> = []) {
    this.#names = new Set(taken);
  }

  /** A name near `hint` that no other value has; reserved from now on. */
  fresh(hint: string): string {
    let name = hint;
    let count = this.#counters.get(hint) ?? 0;
    while (this.#names.has(name)) name = `${hint}_${++count}`;
    this.#counters.set(hint, count);
    this.#names.add(name);
    return name;
  }

  /** Adds a node with one output and returns the name of that output. An empty input name leaves an optional input out. */
  emit(opType: string, inputs: readonly string[], attributes: Attributes = {}, hint = `training/${opType}`): string {
    return this.define(this.fresh(hint), opType, inputs, attributes);
  }

  /** Adds a node whose output has exactly this name; for values that others refer to already. */
  define(output: string, opType: string, inputs: readonly string[], attributes: Attributes = {}): string {
    this.nodes.push({ opType, name: output, input: [...inputs], output: [output], attribute: toProto(attributes) });
    return output;
  }

  /** Float32 constant; equal constants are stored once. */
  floats(values: readonly number[], shape: Shape = []): string {
    return this.#constant(`f${shape.join('x')}:${values.join()}`, (name) =>
      floatTensor(name, shape, Float32Array.from(values)),
    );
  }

  scalar(value: number): string {
    return this.floats([value]);
  }

  /** One-dimensional int64 constant, as shapes and axes are passed. */
  ints(values: readonly number[]): string {
    return this.#constant(`i:${values.join()}`, (name) => intTensor(name, [values.length], values));
  }

  int32(value: number): string {
    return this.#scalar(DataType.int32, value, Int32Array.of(value));
  }

  double(value: number): string {
    return this.#scalar(DataType.float64, value, Float64Array.of(value));
  }

  uint32(value: number): string {
    return this.#scalar(DataType.uint32, value, Uint32Array.of(value));
  }

  #scalar(dataType: number, value: number, { buffer }: { buffer: ArrayBuffer }): string {
    return this.#constant(`s${dataType}:${value}`, (name) => ({
      name,
      dims: [],
      dataType,
      rawData: new Uint8Array(buffer),
    }));
  }

  #constant(key: string, make: (name: string) => TensorProto): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.fresh('training/constant');
    this.initializers.push(make(name));
    this.#constants.set(key, name);
    return name;
  }
}

/** A typed graph input or output; a string dimension is symbolic ("N" = any batch size). */
export function valueInfo(
  name: string,
  shape: readonly (number | string)[],
  elemType: number = DataType.float32,
): ValueInfoProto {
  const dim = shape.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}
