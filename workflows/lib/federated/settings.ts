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

/** Of an answer, and of a round: what a job remembers of fifty rounds must stay small. */
const mostMetrics = 256;

/** Metrics of a round: each weighted by the samples of the clients that reported it; those that `finiteMetrics` lets through. */
export function weightedMetrics(
  reports: { samples: number; metrics: Record<string, number> }[],
  wanted?: string[],
): Record<string, number> {
  const reported = new Map<string, { value: number; samples: number }[]>();
  for (const { samples, metrics } of reports) {
    for (const [name, value] of Object.entries(metrics)) {
      if (!Number.isFinite(value) || (wanted !== undefined && !wanted.includes(name))) continue;
      const others = reported.get(name) ?? [];
      reported.set(name, others);
      others.push({ value, samples });
    }
  }
  return finiteMetrics(Object.fromEntries([...reported].map(([name, values]) => [name, meanOf(values)])));
}

function meanOf(values: { value: number; samples: number }[]): number {
  const all = values.reduce((sum, { samples }) => sum + samples, 0);
  const mean = values.reduce((sum, { value, samples }) => sum + value * samples, 0) / all;
  if (Number.isFinite(mean)) return mean;
  // A client may report 1e308: shares of it can be summed up. They are not taken always, since they round what is exact above.
  return values.reduce((sum, { value, samples }) => sum + value * (samples / all), 0);
}

/** Those that a person can be told, and JSON can say (what is NaN or infinite on its way becomes null); of too many the first ones. */
export function finiteMetrics(metrics: object): Record<string, number> {
  const finite = Object.entries(metrics).filter((entry): entry is [string, number] => Number.isFinite(entry[1]));
  return Object.fromEntries(finite.slice(0, mostMetrics));
}
