import { OnnxError } from '../errors.ts';
import { readFloats, readInts, tensorShape } from '../graph/tensors.ts';
import { sizeOf } from '../graph/shape.ts';
import type { Shape } from '../graph/shape.ts';
import { DataType } from '../proto/types.ts';
import type { NodeProto, TensorProto } from '../proto/types.ts';
import { FOLD_LIMIT } from './fold.ts';
import type { NodeView } from './operator.ts';

const INTEGERS: readonly number[] = [DataType.int64, DataType.int32, DataType.bool];

/** What is known of a graph's values before it runs: shapes of all, contents of constants and of small computed integers. */
export class Knowledge {
  readonly shapes = new Map<string, Shape>();
  readonly constants = new Map<string, TensorProto>();
  readonly #values = new Map<string, readonly number[]>();

  constructor(initializers: readonly TensorProto[]) {
    for (const tensor of initializers) this.setConstant(tensor.name ?? '', tensor);
  }

  setShape(name: string, shape: Shape): void {
    this.shapes.set(name, shape);
  }

  setConstant(name: string, tensor: TensorProto): void {
    this.shapes.set(name, tensorShape(tensor));
    this.constants.set(name, tensor);
  }

  setValues(name: string, values: readonly number[] | undefined): void {
    if (values && values.length <= FOLD_LIMIT) this.#values.set(name, values);
  }

  /** A view of the node that the rules work on; the node itself stays as the model has it. */
  view(source: NodeProto): NodeView {
    // Lists are copied: a gradient may ask the node for one more output.
    const proto: NodeProto = { ...source, opType: source.opType, input: [...source.input], output: [...source.output] };
    const label = `${proto.opType} "${proto.name || proto.output[0]}"`;
    const refuse = (reason: string) => new OnnxError('InvalidModel', `${label}: ${reason}`);
    const nameOf = (index: number) => proto.input[index] ?? '';
    const known = (index: number) => this.#known(nameOf(index));
    const notConstant = (index: number) =>
      refuse(`input ${index} ("${nameOf(index)}") must be constant to be trained through`);
    return {
      proto,
      label,
      inputs: proto.input,
      outputs: proto.output,
      refuse,
      known,
      has: (index) => nameOf(index) !== '',
      inputShape: (index) => {
        const shape = nameOf(index) ? this.shapes.get(nameOf(index)) : undefined;
        if (!shape) throw refuse(`input ${index} ("${nameOf(index)}") is missing or comes from no earlier node`);
        return shape;
      },
      intConstant(index) {
        const values = known(index);
        if (!values) throw notConstant(index);
        return values;
      },
      floatConstant: (index) => {
        const tensor = this.constants.get(nameOf(index));
        if (tensor?.dataType !== DataType.float32) throw notConstant(index);
        return readFloats(tensor);
      },
    };
  }

  #known(name: string): readonly number[] | undefined {
    const values = this.#values.get(name);
    if (values) return values;
    const tensor = this.constants.get(name);
    if (!tensor || !INTEGERS.includes(tensor.dataType) || sizeOf(tensorShape(tensor)) > FOLD_LIMIT) return undefined;
    const read = readInts(tensor);
    this.#values.set(name, read);
    return read;
  }
}
