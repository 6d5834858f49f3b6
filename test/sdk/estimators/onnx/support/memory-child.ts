// Trains a CNN and prints the estimate of its memory and by how much the process really grew, in bytes.
import { readFileSync } from 'node:fs';
import { GraphBuilder, OnnxEstimator } from '../../../../../sdk/estimators/onnx/index.ts';

const model = new GraphBuilder()
  .input([3, 48, 48])
  .conv2d(32, { kernel: 3, padding: 1 })
  .batchNorm()
  .relu()
  .conv2d(32, { kernel: 3, padding: 1, groups: 32 })
  .relu()
  .globalAveragePool()
  .flatten()
  .dense(1000)
  .dense(10)
  .build();
const [count, batchSize, width] = [96, 48, 3 * 48 * 48];
const samples = {
  inputs: new Float32Array(count * width).fill(0.1),
  labels: Int32Array.from({ length: count }, (_, i) => i % 10),
  count,
  shape: [3, 48, 48],
};
const estimator = new OnnxEstimator({
  model,
  loss: 'softmaxCrossEntropy',
  optimizer: { name: 'adam', learningRate: 1e-4 },
  batchSize,
});
const estimate = (await estimator.memoryEstimate()).total;
/** Of this program: on Linux `maxRSS` also counts the process that started it, which may be larger than all that is measured here. */
function peak(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kibibytes) * 1024;
}
const before = peak();
await estimator.train(samples);
console.log(JSON.stringify({ estimate, measured: peak() - before }));
