import { GraphBuilder, mlp, OnnxEstimator } from '../../../sdk/estimators/onnx/index.ts';
import { classes, pixels, side } from '../../incremental-learning/mnist/digits.ts';

/** 784-12-10: what fits anywhere. */
export const littleEstimator = (): OnnxEstimator =>
  estimatorOf(mlp({ inputs: pixels, hidden: [12], outputs: classes, seed: 1 }), 8);

/** 784-64-10: for the node of a site, between edge and cloud. */
export const middleEstimator = (): OnnxEstimator =>
  estimatorOf(mlp({ inputs: pixels, hidden: [64], outputs: classes, seed: 1 }), 8);

/** Two convolutions, taken the same 784 values: thirty times the work. */
export function bigEstimator(): OnnxEstimator {
  const graph = new GraphBuilder({ seed: 1 }).input([pixels]).reshape([1, side, side]);
  graph.conv2d(8, { kernel: 5, padding: 2 }).relu().maxPool({ kernel: 2 });
  graph.conv2d(16, { kernel: 5, padding: 2 }).relu().maxPool({ kernel: 2 });
  return estimatorOf(graph.flatten().dense(64).relu().dense(classes).softmax().build(), 3);
}

function estimatorOf(model: ReturnType<typeof mlp>, epochs: number): OnnxEstimator {
  return new OnnxEstimator({
    model,
    loss: 'softmaxCrossEntropy',
    optimizer: { name: 'adam', learningRate: 2e-3 },
    epochs,
    batchSize: 32,
    seed: 1,
    threads: 1,
  });
}
