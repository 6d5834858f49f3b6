import { withTensors, type TensorFile } from '../../tensors/tensor-file.ts';
import { checkFinite } from './checks/finite.ts';
import { AggregationError } from './errors.ts';
import { numbers } from './parameters.ts';
import type { AggregationRound, StrategyFactory } from './strategy.ts';
import { clientsOf } from './weighted-mean.ts';

/**
 * Buffered asynchronous rounds: a round is `bufferSize` updates, whoever sends them, each from the weights that its client had.
 * w = w + `serverLearningRate` (1) / K · Σ (w_k − base_k) / √(1 + τ_k), τ being the rounds that were published since base_k. An update with
 * τ above `maxStaleness` (no limit) is given up by whoever collects. Nguyen et al., "Federated Learning with Buffered Asynchronous
 * Aggregation", 2022 (arxiv.org/abs/2106.06639). Updates may be of the same client; they count in the order in which they are given.
 */
export const fedBuff: StrategyFactory = (parameters = {}) => {
  const { bufferSize, serverLearningRate } = numbers(parameters, {
    bufferSize: { min: 1, max: 1000, integer: true },
    serverLearningRate: { fallback: 1, above: 0, max: 100 },
    maxStaleness: { fallback: Number.MAX_SAFE_INTEGER, min: 0, integer: true },
  });
  return {
    pace: 'buffer',
    minUpdates: bufferSize,
    async aggregate({ global, updates, kernel, out }) {
      const parts = updates.map(({ staleness = 0 }) => serverLearningRate / Math.sqrt(1 + staleness) / updates.length);
      const starts = startingWeights(global, updates, parts);
      const files = [...starts.keys(), ...updates.map(({ file }) => file)];
      const model = await kernel.mean(files, [...starts.values(), ...parts], out.model);
      // Unlike the means of other strategies this sum may leave what its inputs span.
      await requireFinite(model.path);
      return { model, used: clientsOf(updates), left: [], metrics: {} };
    },
  };
};

async function requireFinite(file: string): Promise<void> {
  const found = await withTensors(file, (model) => checkFinite(model));
  if (found === undefined) return;
  throw new AggregationError('ResultNotFinite', `the new model ${found.message}; lower serverLearningRate`);
}

/** Weights that updates started from, each file once, and what is taken off them: w + Σ p_k (w_k − base_k) as one weighted sum. */
function startingWeights(
  global: TensorFile,
  updates: AggregationRound['updates'],
  parts: readonly number[],
): Map<TensorFile, number> {
  const starts = new Map([[global, 1]]);
  for (const [i, { base = global }] of updates.entries()) {
    starts.set(base, (starts.get(base) ?? 0) - (parts[i] as number));
  }
  return starts;
}
