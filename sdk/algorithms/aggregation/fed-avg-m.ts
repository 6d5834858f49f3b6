import { numbers } from './parameters.ts';
import { optimize } from './server-optimizer.ts';
import type { StrategyFactory } from './strategy.ts';

/**
 * FedAvg with momentum on the server: v = `server_momentum` (0) · v + (w − mean), w = w − `server_learning_rate` (1) · v. Hsu et al.,
 * "Measuring the Effects of Non-Identical Data Distribution", 2019 (arxiv.org/abs/1909.06335).
 */
export const fedAvgM: StrategyFactory = (parameters = {}) => {
  const { server_learning_rate: rate, server_momentum: momentum } = numbers(parameters, {
    server_learning_rate: { fallback: 1, above: 0 },
    server_momentum: { fallback: 0, min: 0, below: 1 },
  });
  return {
    aggregate: (round) =>
      optimize(round, momentum > 0 ? 1 : 0, ({ global, mean, slots: [velocity] }) => {
        for (let i = 0; i < global.length; i++) {
          let step = (global[i] as number) - (mean[i] as number);
          if (velocity) velocity[i] = step = momentum * (velocity[i] as number) + step;
          global[i] = (global[i] as number) - rate * step;
        }
      }),
  };
};
