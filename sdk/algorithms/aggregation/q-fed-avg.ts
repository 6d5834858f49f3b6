import { AggregationError } from './errors.ts';
import { numbers } from './parameters.ts';
import type { ClientUpdate, StrategyFactory } from './strategy.ts';
import { clientsOf } from './weighted-mean.ts';

/**
 * Fairness: clients with a larger loss F weigh more. With L = 1 / `client_learning_rate` (required), Δ_k = F_k^q · L(w − w_k) and
 * h_k = q·F_k^(q−1)·|L(w − w_k)|² + L·F_k^q: w = w − ΣΔ_k / Σh_k. `q` (0.1); 0 is the plain mean. `train_loss_key` ("train_loss", of who
 * reports none "loss"): the metric of the training that is the loss. A client without one is left out. Li et al., "Fair Resource Allocation in Federated Learning", 2020 (arxiv.org/abs/1905.10497).
 */
export const qFedAvg: StrategyFactory = ({ train_loss_key: key, ...parameters } = {}) => {
  const { q, client_learning_rate: rate } = numbers(parameters, {
    client_learning_rate: { above: 0 },
    q: { fallback: 0.1, min: 0 },
  });
  if (key !== undefined && (typeof key !== 'string' || key === '')) {
    throw new AggregationError('InvalidParameter', 'spec.aggregation.parameters.train_loss_key: must name a metric');
  }
  const keys = key === undefined ? ['train_loss', 'loss'] : [key];
  return {
    async aggregate({ global, updates: all, kernel, out }) {
      const { updates, losses, left } = weighable(all, keys);
      const lipschitz = 1 / rate;
      // |w - w_k|² of each update is the row of the global weights.
      const files = [global, ...updates.map(({ file }) => file)];
      const distances = await kernel.distances(files);
      const powers = losses.map((loss) => (loss + 1e-10) ** q);
      const h = losses.map((loss, i) => {
        const squared = lipschitz ** 2 * (distances[i + 1] as number);
        return q * (loss + 1e-10) ** (q - 1) * squared + lipschitz * (powers[i] as number);
      });
      const sum = h.reduce((total, one) => total + one, 0);
      const parts = powers.map((power) => (power * lipschitz) / sum);
      // w − Σ p_k (w − w_k) = (1 − Σ p_k) w + Σ p_k w_k, and all of these are between 0 and 1.
      const rest = 1 - parts.reduce((total, one) => total + one, 0);
      const model = await kernel.mean(files, [rest, ...parts], out.model);
      return { model, used: clientsOf(updates), left, metrics: {} };
    },
  };
};

interface Weighable {
  updates: ClientUpdate[];
  /** Of each of them. */
  losses: number[];
  left: { client: string; reason: string }[];
}

/** Those that report a loss. Throws `MetricMissing` where nobody does. */
function weighable(all: readonly ClientUpdate[], keys: readonly string[]): Weighable {
  const names = keys.map((key) => JSON.stringify(key)).join(' or ');
  const of: Weighable = { updates: [], losses: [], left: [] };
  for (const update of all) {
    const loss = lossOf(update, keys);
    if (loss === undefined) {
      of.left.push({ client: update.client, reason: `reports no metric ${names} from 0; QFedAvg weighs by it` });
    } else {
      of.updates.push(update);
      of.losses.push(loss);
    }
  }
  const [first] = of.left;
  if (of.updates.length > 0 || first === undefined) return of;
  throw new AggregationError('MetricMissing', `client ${first.client} and all others: ${first.reason}`);
}

function lossOf({ metrics = {} }: ClientUpdate, keys: readonly string[]): number | undefined {
  const found = keys.map((key) => (Object.hasOwn(metrics, key) ? metrics[key] : undefined));
  return found.find((loss) => typeof loss === 'number' && Number.isFinite(loss) && loss >= 0);
}
