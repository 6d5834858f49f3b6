import type { Random } from '../random.ts';

/** Normal with variance 2 / fan-in (He et al., 2015): for weights in front of ReLU. */
export function heNormal(random: Random, count: number, fanIn: number): Float32Array {
  const deviation = Math.sqrt(2 / fanIn);
  return Float32Array.from({ length: count }, () => deviation * random.normal());
}

/** Uniform in +-sqrt(6 / (fan-in + fan-out)) (Glorot and Bengio, 2010): for sigmoid, tanh and the last layer. */
export function glorotUniform(random: Random, count: number, [fanIn, fanOut]: readonly [number, number]): Float32Array {
  const limit = Math.sqrt(6 / (fanIn + fanOut));
  return Float32Array.from({ length: count }, () => limit * (2 * random.uniform() - 1));
}
