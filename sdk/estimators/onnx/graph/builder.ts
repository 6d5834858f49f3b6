import { analyse } from '../autodiff/forward.ts';
import { OnnxError } from '../errors.ts';
import { encodeModel } from '../proto/codec.ts';
import type { ModelProto, NodeProto, TensorProto, ValueInfoProto } from '../proto/types.ts';
import { Random } from '../random.ts';
import { float, int, ints, toProto } from './attributes.ts';
import type { Attributes } from './attributes.ts';
import { glorotUniform, heNormal } from './initial-weights.ts';
import { IR_VERSION, OPSET } from './opset.ts';
import { sizeOf } from './shape.ts';
import type { Shape } from './shape.ts';
import { floatTensor, intTensor } from './tensors.ts';
import { valueInfo } from './writer.ts';

export type Initialisation = 'he' | 'glorot';

export interface LayerOptions {
  /** Default 'he' (what follows is taken to be ReLU). */
  initialisation?: Initialisation;
  /** Default true. */
  bias?: boolean;
}

export interface WindowOptions {
  /** Height and width, or one number for both. */
  kernel: number | readonly [number, number];
  /** Default 1 for convolution, the kernel for pooling. */
  stride?: number | readonly [number, number];
  /** Zeros on every side, or [top, left, bottom, right]. Default 0. */
  padding?: number | readonly [number, number, number, number];
}

/**
 * Builds a forward model layer by layer: each call adds a layer behind the last one.
 * Weights are drawn from the seed, so equal calls give equal models. Layers are named "dense1", "conv2"…
 */
export class GraphBuilder {
  readonly #random: Random;
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  #input: ValueInfoProto | undefined;
  #sample: Shape = [];
  #last = '';
  #count = 0;

  constructor(options: { seed?: number } = {}) {
    this.#random = new Random(options.seed ?? 0);
  }

  /** The input, by the shape of one sample; the batch dimension in front stays open. */
  input(shape: Shape, name = 'input'): this {
    if (this.#input) throw new OnnxError('InvalidModel', 'the model has its input already');
    if (shape.length === 0 || !shape.every((dim) => Number.isInteger(dim) && dim > 0)) {
      throw new OnnxError('InvalidModel', `input shape [${shape}] must be whole numbers above 0`);
    }
    this.#input = valueInfo(name, ['N', ...shape]);
    this.#sample = shape;
    this.#last = name;
    return this;
  }

  /** Fully connected layer on [N, features]; put `flatten` before it if needed. */
  dense(units: number, { initialisation = 'he', bias = true }: LayerOptions = {}): this {
    const [features = 0, ...more] = this.sampleShape();
    if (more.length > 0)
      throw new OnnxError('InvalidModel', `dense needs [N, features], got [N, ${this.sampleShape()}]; flatten first`);
    const name = this.#name('dense');
    const inputs = [this.#last, this.#weights(`${name}/weight`, [features, units], initialisation)];
    if (bias) inputs.push(this.#zeros(`${name}/bias`, units));
    return this.#add('Gemm', inputs, {}, name);
  }

  /** 2-D convolution on [N, C, H, W]; with as many groups as channels it is depthwise. */
  conv2d(filters: number, options: WindowOptions & LayerOptions & { groups?: number }): this {
    const { initialisation = 'he', bias = true, groups = 1 } = options;
    const name = this.#name('conv');
    const [channels = 0] = this.sampleShape();
    if (channels % groups !== 0 || filters % groups !== 0) {
      throw new OnnxError('InvalidModel', `${groups} groups do not divide ${channels} channels and ${filters} filters`);
    }
    const shape = [filters, channels / groups, ...pair(options.kernel)];
    const inputs = [this.#last, this.#weights(`${name}/weight`, shape, initialisation)];
    if (bias) inputs.push(this.#zeros(`${name}/bias`, filters));
    return this.#add('Conv', inputs, { ...windowAttributes(options, 1), group: int(groups) }, name);
  }

  maxPool(options: WindowOptions): this {
    return this.#add('MaxPool', [this.#last], windowAttributes(options, options.kernel));
  }

  averagePool(options: WindowOptions): this {
    return this.#add('AveragePool', [this.#last], windowAttributes(options, options.kernel));
  }

  /** Mean over height and width. */
  globalAveragePool(): this {
    return this.#add('GlobalAveragePool', [this.#last]);
  }

  /** Normalises each channel over the batch in training, by running statistics otherwise. */
  batchNorm({ momentum = 0.9, epsilon = 1e-5 }: { momentum?: number; epsilon?: number } = {}): this {
    const name = this.#name('norm');
    const [channels = 1] = this.sampleShape();
    const filled = (part: string, value: number) => {
      this.#initializers.push(floatTensor(`${name}/${part}`, [channels], new Float32Array(channels).fill(value)));
      return `${name}/${part}`;
    };
    const inputs = [this.#last, filled('scale', 1), filled('bias', 0), filled('mean', 0), filled('variance', 1)];
    return this.#add('BatchNormalization', inputs, { momentum: float(momentum), epsilon: float(epsilon) }, name);
  }

  /** In training each value is zeroed with this probability. */
  dropout(ratio = 0.5): this {
    const name = this.#name('dropout');
    this.#initializers.push(floatTensor(`${name}/ratio`, [], Float32Array.of(ratio)));
    return this.#add('Dropout', [this.#last, `${name}/ratio`], {}, name);
  }

  /** What the layers make of the last value, added to it; they must keep its shape. */
  residual(layers: (builder: this) => unknown): this {
    const before = this.#last;
    layers(this);
    return this.#add('Add', [before, this.#last]);
  }

  leakyRelu(slope = 0.01): this {
    return this.#add('LeakyRelu', [this.#last], { alpha: float(slope) });
  }

  /** Exact, by the error function: x (1 + erf(x / sqrt 2)) / 2; in operators that every runtime has. */
  gelu(): this {
    const before = this.#last;
    const times = (factor: number) => {
      const name = this.#name('gelu');
      this.#initializers.push(floatTensor(`${name}/factor`, [], Float32Array.of(factor)));
      return this.#add('Mul', [this.#last, `${name}/factor`], {}, name);
    };
    times(Math.SQRT1_2).#add('Erf', [this.#last]);
    const error = this.#last;
    this.#last = before;
    const half = times(0.5).#last;
    return this.#add('Mul', [half, error]).#add('Add', [half, this.#last]);
  }

  relu(): this {
    return this.#add('Relu', [this.#last]);
  }

  sigmoid(): this {
    return this.#add('Sigmoid', [this.#last]);
  }

  tanh(): this {
    return this.#add('Tanh', [this.#last]);
  }

  /** Over the last axis. */
  softmax(): this {
    return this.#add('Softmax', [this.#last], { axis: int(-1) });
  }

  flatten(): this {
    return this.#add('Flatten', [this.#last], { axis: int(1) });
  }

  /** New shape of one sample; the number of elements stays, one dimension may be -1 (whatever is left). */
  reshape(shape: Shape): this {
    const name = this.#name('reshape');
    this.#initializers.push(intTensor(`${name}/shape`, [shape.length + 1], [0, ...shape]));
    return this.#add('Reshape', [this.#last, `${name}/shape`], {}, name);
  }

  /** Shape of one sample behind the last layer. */
  sampleShape(): Shape {
    if (!this.#input) throw new OnnxError('InvalidModel', 'the model has no input yet: call input(shape) first');
    if (this.#nodes.length === 0) return this.#sample;
    return analyse(this.#model(), { batch: 1 }).output.shape.slice(1);
  }

  /** The finished model. The output gets this name. */
  build(outputName = 'output'): ModelProto {
    const shape = this.sampleShape();
    const last = this.#nodes.at(-1);
    if (!last) throw new OnnxError('InvalidModel', 'the model has no layers');
    last.output[0] = outputName;
    this.#last = outputName;
    const model = this.#model();
    model.graph.output = [valueInfo(outputName, ['N', ...shape])];
    return model;
  }

  /** The finished model as the bytes of an `.onnx` file. */
  toBytes(outputName?: string): Uint8Array {
    return encodeModel(this.build(outputName));
  }

  #model(): ModelProto {
    return {
      irVersion: IR_VERSION,
      producerName: 'sedna',
      opsetImport: [{ domain: '', version: OPSET }],
      graph: {
        name: 'model',
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#input ? [this.#input] : [],
        output: [{ name: this.#last }],
      },
    };
  }

  #add(opType: string, input: string[], attributes: Attributes = {}, name = this.#name(opType.toLowerCase())): this {
    if (!this.#input) throw new OnnxError('InvalidModel', 'the model has no input yet: call input(shape) first');
    this.#nodes.push({ opType, name, input, output: [name], attribute: toProto(attributes) });
    this.#last = name;
    return this;
  }

  #name(layer: string): string {
    return `${layer}${++this.#count}`;
  }

  /** Layout [in, out] for dense, [out, in, kH, kW] for convolution. */
  #weights(name: string, shape: Shape, initialisation: Initialisation): string {
    const [first = 1, second = 1, ...kernel] = shape;
    const area = sizeOf(kernel);
    const [fanIn, fanOut] = kernel.length ? [second * area, first * area] : [first, second];
    const data =
      initialisation === 'he'
        ? heNormal(this.#random, sizeOf(shape), fanIn)
        : glorotUniform(this.#random, sizeOf(shape), [fanIn, fanOut]);
    this.#initializers.push(floatTensor(name, shape, data));
    return name;
  }

  #zeros(name: string, count: number): string {
    this.#initializers.push(floatTensor(name, [count], new Float32Array(count)));
    return name;
  }
}

function pair(size: number | readonly [number, number]): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size;
}

function windowAttributes(options: WindowOptions, stride: number | readonly [number, number]): Attributes {
  const { kernel, padding = 0 } = options;
  return {
    kernel_shape: ints(pair(kernel)),
    strides: ints(pair(options.stride ?? stride)),
    pads: ints(typeof padding === 'number' ? [padding, padding, padding, padding] : padding),
  };
}
