/**
 * Training steps of TensorFlow.js: arguments `FOLDER cpu|wasm mlp|cnn`. Both backends compute on one thread under Node.
 * Says {"parameters": N}, then for each line with a number of steps the seconds that they took.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

interface Tensor {
  dispose(): void;
}

interface Core {
  setBackend(name: string): Promise<boolean>;
  randomUniform(shape: number[]): Tensor;
  tensor1d(values: number[], type: string): Tensor;
  oneHot(indices: Tensor, depth: number): Tensor;
  slice(tensor: Tensor, begin: number[], size: number[]): Tensor;
  train: { sgd(learningRate: number): unknown };
}

interface Model {
  compile(options: { optimizer: unknown; loss: string }): void;
  fit(inputs: Tensor, labels: Tensor, options: object): Promise<unknown>;
  countParams(): number;
}

type Layer = (options: object) => unknown;
interface Layers {
  sequential: (options: { layers: unknown[] }) => Model;
  layers: Record<'dense' | 'conv2d' | 'maxPooling2d' | 'activation' | 'flatten', Layer>;
}

const stepsPerEpoch = 50;
const classes = 10;
const [folder = '', backend = '', kind = ''] = process.argv.slice(2);
const load = createRequire(join(folder, 'package.json'));
const core = load('@tensorflow/tfjs-core') as Core;
const { sequential, layers } = load('@tensorflow/tfjs-layers') as Layers;
// The layers take a CPU backend for small tensors of whole numbers also where another one computes.
load('@tensorflow/tfjs-backend-cpu');
if (backend === 'wasm') {
  const wasm = load('@tensorflow/tfjs-backend-wasm') as { setWasmPaths: (folder: string) => void };
  wasm.setWasmPaths(`${dirname(load.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
}
if (!(await core.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);

const { shape, batch } = kind === 'mlp' ? { shape: [784], batch: 64 } : { shape: [28, 28, 1], batch: 32 };
const output = layers.dense({ units: classes, activation: 'softmax' });
const model = sequential({
  layers:
    kind === 'mlp'
      ? [layers.dense({ units: 256, activation: 'relu', inputShape: shape }), output]
      : [
          layers.conv2d({ filters: 16, kernelSize: 5, inputShape: shape }),
          layers.maxPooling2d({ poolSize: 2 }),
          layers.activation({ activation: 'relu' }),
          layers.flatten({}),
          output,
        ],
});
model.compile({ optimizer: core.train.sgd(0.01), loss: 'categoricalCrossentropy' });
const rows = batch * stepsPerEpoch;
const inputs = core.randomUniform([rows, ...shape]);
const indices = Array.from({ length: rows }, (_, i) => i % classes);
const labels = core.oneHot(core.tensor1d(indices, 'int32'), classes);

async function train(steps: number): Promise<void> {
  const options = { batchSize: batch, shuffle: true, yieldEvery: 'never', verbose: 0 };
  const epochs = Math.floor(steps / stepsPerEpoch);
  if (epochs > 0) await model.fit(inputs, labels, { ...options, epochs });
  const rest = (steps % stepsPerEpoch) * batch;
  if (rest === 0) return;
  const some = core.slice(inputs, [0, ...shape.map(() => 0)], [rest, ...shape]);
  const theirs = core.slice(labels, [0, 0], [rest, classes]);
  await model.fit(some, theirs, { ...options, epochs: 1 });
  some.dispose();
  theirs.dispose();
}

console.log(JSON.stringify({ parameters: model.countParams() }));
for await (const line of createInterface({ input: process.stdin })) {
  const began = performance.now();
  await train(Number(line));
  console.log((performance.now() - began) / 1_000);
}
