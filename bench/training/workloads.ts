import { OnnxEstimator, Random, cnn, mlp } from '../../sdk/estimators/onnx/index.ts';
import type { ModelProto, OnnxSamples, OptimizerOptions } from '../../sdk/estimators/onnx/index.ts';

/** The peers' scripts hold the same numbers. */
export const STEPS_PER_EPOCH = 50;
const CLASSES = 10;

export interface Workload {
  name: string;
  model: ModelProto;
  shape: number[];
  batch: number;
  optimizer: OptimizerOptions;
  /** Steps of one measurement: about two seconds on two cores. A multiple of those of an epoch. */
  steps: number;
}

const SGD: OptimizerOptions = { name: 'sgd', learningRate: 0.01 };
const ADAM: OptimizerOptions = { name: 'adam', learningRate: 0.001 };
const MLP = { model: mlp({ inputs: 784, hidden: [256], outputs: CLASSES }), shape: [784], batch: 64 };
const CNN = { model: cnn({ inputs: [1, 28, 28], filters: [16], outputs: CLASSES }), shape: [1, 28, 28], batch: 32 };

export const mlpSgd: Workload = { name: 'MLP 784-256-10, SGD', ...MLP, optimizer: SGD, steps: 2500 };
export const cnnSgd: Workload = { name: 'CNN 16 5x5 kernels on 28x28, SGD', ...CNN, optimizer: SGD, steps: 800 };

export const workloads: Workload[] = [
  mlpSgd,
  { name: 'MLP 784-256-10, Adam', ...MLP, optimizer: ADAM, steps: 1500 },
  cnnSgd,
  { name: 'CNN 16 5x5 kernels on 28x28, Adam', ...CNN, optimizer: ADAM, steps: 800 },
];

export function parametersOf({ model }: Workload): number {
  return model.graph.initializer.reduce((sum, { dims }) => sum + sizeOf(dims ?? []), 0);
}

function sizeOf(dims: readonly unknown[]): number {
  return dims.reduce<number>((product, dim) => product * Number(dim), 1);
}

/**
 * Training steps per second (gathering the batch, forward, backward, update) as `OnnxEstimator.train` does them. Making the
 * training graph and its session is part of it.
 */
export async function stepsPerSecond(workload: Workload, steps: number, threads?: number): Promise<number> {
  const { model, shape, batch, optimizer } = workload;
  const estimator = new OnnxEstimator({
    model,
    loss: 'softmaxCrossEntropy',
    optimizer,
    batchSize: batch,
    epochs: Math.max(1, Math.round(steps / STEPS_PER_EPOCH)),
    threads,
  });
  const samples = randomSamples(batch * STEPS_PER_EPOCH, shape);
  const started = performance.now();
  await estimator.train(samples);
  const seconds = (performance.now() - started) / 1000;
  await estimator.close();
  return steps / seconds;
}

function randomSamples(count: number, shape: number[]): OnnxSamples {
  const random = new Random(1);
  const width = shape.reduce((product, dim) => product * dim, 1);
  return {
    inputs: Float32Array.from({ length: count * width }, () => random.uniform()),
    labels: Int32Array.from({ length: count }, (_, i) => i % CLASSES),
    count,
    shape,
  };
}
