import type { ModelProto } from '../proto/types.ts';
import { GraphBuilder } from './builder.ts';

export interface MlpOptions {
  /** Features per sample. */
  inputs: number;
  /** Units of each hidden layer. Default none: a linear model. */
  hidden?: readonly number[];
  /** Classes, or values to regress. */
  outputs: number;
  /** Default 'relu'. */
  activation?: 'relu' | 'tanh' | 'sigmoid';
  /** Ends in Softmax, so that the model gives probabilities. Default true; set false for regression. */
  softmax?: boolean;
  /** Of the initial weights. Default 0. */
  seed?: number;
}

/** Multi-layer perceptron on [N, inputs]. */
export function mlp(options: MlpOptions): ModelProto {
  const { inputs, hidden = [], outputs, activation = 'relu', softmax = true, seed } = options;
  const builder = new GraphBuilder({ seed }).input([inputs]);
  for (const units of hidden) {
    builder.dense(units, { initialisation: activation === 'relu' ? 'he' : 'glorot' });
    builder[activation]();
  }
  builder.dense(outputs, { initialisation: 'glorot' });
  if (softmax) builder.softmax();
  return builder.build();
}

export interface CnnOptions {
  /** Channels, height, width of an image. */
  inputs: readonly [number, number, number];
  /** Filters of each convolution, each followed by 2x2 max pooling and ReLU. Default [16]. */
  filters?: readonly number[];
  /** Side of the kernels. Default 5. */
  kernel?: number;
  /** Zeros around each convolution's input. Default 0. */
  padding?: number;
  /** Units of dense layers in front of the last one. Default none. */
  hidden?: readonly number[];
  outputs: number;
  /** Default true. */
  softmax?: boolean;
  seed?: number;
}

/** Convolutional classifier on [N, C, H, W]. */
export function cnn(options: CnnOptions): ModelProto {
  const { inputs, filters = [16], kernel = 5, padding = 0, hidden = [], outputs, softmax = true, seed } = options;
  const builder = new GraphBuilder({ seed }).input(inputs);
  // ReLU and maximum can change places; behind the pooling there is a quarter of the elements.
  for (const count of filters) builder.conv2d(count, { kernel, padding }).maxPool({ kernel: 2 }).relu();
  builder.flatten();
  for (const units of hidden) builder.dense(units).relu();
  builder.dense(outputs, { initialisation: 'glorot' });
  if (softmax) builder.softmax();
  return builder.build();
}
