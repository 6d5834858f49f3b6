import { numbers } from './parameters.ts';
import type { StrategyFactory } from './strategy.ts';
import { clientsOf } from './weighted-mean.ts';

/**
 * Buffered asynchronous rounds: a round is `buffer_size` (10) updates in the order of their clients, each from the weights that it
 * had; one that is τ rounds late weighs 1/√(1 + τ). w = w + `server_learning_rate` (1) · Σ s(τ_k)(w_k − w) / K. The updates are whole
 * weights, so the difference is taken to the present weights. Nguyen et al., 2022 (arxiv.org/abs/2106.06639).
 */
export const fedBuff: StrategyFactory = (parameters = {}) => {
  const { buffer_size: size, server_learning_rate: rate } = numbers(parameters, {
    buffer_size: { fallback: 10, min: 1, integer: true },
    server_learning_rate: { fallback: 1, above: 0, max: 1 },
  });
  return {
    pace: 'buffer',
    minUpdates: size,
    async aggregate({ global, updates, kernel, out }) {
      const parts = updates.map(({ staleness = 0 }) => rate / Math.sqrt(1 + staleness) / updates.length);
      const rest = 1 - parts.reduce((sum, part) => sum + part, 0);
      const files = [global, ...updates.map(({ file }) => file)];
      const model = await kernel.mean(files, [rest, ...parts], out.model);
      return { model, used: clientsOf(updates), left: [], metrics: {} };
    },
  };
};
