import { OnnxEstimator, Random, cnn, mlp } from '../sdk/estimators/onnx/index.ts';
import type { Case } from './lib/case.ts';
import type { ModelProto, OnnxSamples, OptimizerOptions } from '../sdk/estimators/onnx/index.ts';

interface Workload {
  name: string;
  model: ModelProto;
  shape: number[];
  batch: number;
  optimizer: OptimizerOptions;
  /** Steps of one measurement: about two seconds on two cores. */
  steps: number;
}

const STEPS_PER_EPOCH = 50;
const CLASSES = 10;
const REPEATS = 3;

const SGD: OptimizerOptions = { name: 'sgd', learningRate: 0.01 };
const ADAM: OptimizerOptions = { name: 'adam', learningRate: 0.001 };
const MLP = { model: mlp({ inputs: 784, hidden: [256], outputs: CLASSES }), shape: [784], batch: 64 };
const CNN = { model: cnn({ inputs: [1, 28, 28], filters: [16], outputs: CLASSES }), shape: [1, 28, 28], batch: 32 };

const WORKLOADS: Workload[] = [
  { name: 'MLP 784-256-10, SGD', ...MLP, optimizer: SGD, steps: 2500 },
  { name: 'MLP 784-256-10, Adam', ...MLP, optimizer: ADAM, steps: 1500 },
  { name: 'CNN 16 5x5 kernels on 28x28, SGD', ...CNN, optimizer: SGD, steps: 800 },
  { name: 'CNN 16 5x5 kernels on 28x28, Adam', ...CNN, optimizer: ADAM, steps: 800 },
];

/**
 * Training steps per second (gathering the batch, forward, backward, update) as `OnnxEstimator.train` does them, with the
 * runtime's default threads. The best of three, after a warm-up: other load on the machine only ever slows a run down.
 */
export async function run(): Promise<Case[]> {
  const cases: Case[] = [];
  for (const workload of WORKLOADS) {
    await stepsPerSecond(workload, STEPS_PER_EPOCH);
    const rates: number[] = [];
    for (let i = 0; i < REPEATS; i++) rates.push(await stepsPerSecond(workload, workload.steps));
    cases.push({ name: workload.name, n: workload.batch, value: Math.round(Math.max(...rates)), unit: 'steps/s' });
  }
  return cases;
}

async function stepsPerSecond({ model, shape, batch, optimizer }: Workload, steps: number): Promise<number> {
  const estimator = new OnnxEstimator({
    model,
    loss: 'softmaxCrossEntropy',
    optimizer,
    batchSize: batch,
    epochs: steps / STEPS_PER_EPOCH,
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
