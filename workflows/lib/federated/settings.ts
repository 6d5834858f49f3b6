/** What a client trains with in a round. Pure. */
import type { TrainingSettings } from '../../../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';

export function settingsOf({ training, aggregation }: FederatedLearningJobFields, round: number): TrainingSettings {
  const { perRound = [], ...constant } = training;
  let settings: TrainingSettings = { ...proximal(aggregation), ...constant };
  for (const { fromRound, ...values } of perRound) if (round >= fromRound) settings = { ...settings, ...values };
  return settings;
}

/** FedProx is FedAvg with a term that clients add: its parameter is theirs, unless `trainingConfig.mu` says otherwise. */
function proximal({ strategy, parameters }: FederatedLearningJobFields['aggregation']): TrainingSettings {
  const mu = parameters['proximal_mu'];
  return strategy === 'FedProx' && typeof mu === 'number' ? { mu } : {};
}

/** Seed of one client in one round: a 32-bit hash (FNV-1a) of the job's seed, the client, the round, and the turn beyond the first. */
export function seedOf(seed: number, client: string, round: number, turn = 0): number {
  let hash = 0x811c9dc5;
  for (const character of `${seed}/${client}/${round}${turn === 0 ? '' : `/${turn}`}`) {
    hash ^= character.charCodeAt(0);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** Metrics of a round: each weighted by the samples of the clients that reported it. */
export function weightedMetrics(
  reports: { samples: number; metrics: Record<string, number> }[],
  wanted?: string[],
): Record<string, number> {
  const sums = new Map<string, { value: number; samples: number }>();
  for (const { samples, metrics } of reports) {
    for (const [name, value] of Object.entries(metrics)) {
      if (!Number.isFinite(value) || (wanted !== undefined && !wanted.includes(name))) continue;
      const sum = sums.get(name) ?? { value: 0, samples: 0 };
      sums.set(name, { value: sum.value + value * samples, samples: sum.samples + samples });
    }
  }
  return Object.fromEntries([...sums].map(([name, { value, samples }]) => [name, value / samples]));
}
