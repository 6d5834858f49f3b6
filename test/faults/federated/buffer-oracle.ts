/** What must hold of rounds that are buffers of updates, whoever sends them, and whoever died meanwhile. Judged by history and by the stored updates. */
import type {
  AggregateInput,
  AggregateResult,
  BlobRef,
  CountedUpdate,
  UpdateIdentity,
} from '../../../activities/contracts.ts';
import type { RunHistory, Step } from './history.ts';
import { weightsOf } from './oracle.ts';

interface Accepted extends UpdateIdentity {
  sha256: string;
  completedAt: number;
}

/** Of one round: `size` updates. */
export interface BufferRules {
  size: number;
  serverLearningRate: number;
}

export async function bufferViolations(history: RunHistory, rules: BufferRules): Promise<string[]> {
  return [
    ...countedOnce(history, rules),
    ...noneLost(history),
    ...historyBounded(history),
    ...(await sumsOfChanges(history, rules)),
  ];
}

function acceptedOf({ trainings }: RunHistory): Accepted[] {
  return trainings.flatMap(({ input: { identity }, result, completedAt = Infinity }) =>
    result !== undefined && 'accepted' in result
      ? [{ ...identity, sha256: result.accepted.blob.sha256, completedAt }]
      : [],
  );
}

const nameOf = ({ client, round, sha256 }: Pick<Accepted, 'client' | 'round' | 'sha256'>): string =>
  `client ${client}, asked in round ${round}, ${sha256.slice(0, 12)}`;

const countedOf = (round: number, { client, staleness = 0, blob }: CountedUpdate): string =>
  nameOf({ client, round: round - staleness, sha256: blob.sha256 });

/** Each update that counts was accepted, and counts in one round, once. */
export function countedOnce(history: RunHistory, { size }: BufferRules): string[] {
  const accepted = new Set(acceptedOf(history).map(nameOf));
  const seen = new Set<string>();
  return history.aggregations.flatMap(({ input: { round, updates }, result }) => {
    if (result === undefined) return [];
    const found = updates.length === size ? [] : [`round ${round} is of ${updates.length} updates instead of ${size}`];
    for (const name of updates.map((update) => countedOf(round, update))) {
      if (seen.has(name)) found.push(`round ${round} counts an update again: ${name}`);
      if (!accepted.has(name)) found.push(`round ${round} counts an update that was not accepted: ${name}`);
      seen.add(name);
    }
    return found;
  });
}

/** Updates count in the order in which they were accepted: whatever does not count came after all that do. */
export function noneLost(history: RunHistory): string[] {
  const counted = new Set(
    history.aggregations.flatMap(({ input: { round, updates } }) => updates.map((update) => countedOf(round, update))),
  );
  const accepted = acceptedOf(history).map((update) => ({ name: nameOf(update), at: update.completedAt }));
  const last = Math.max(...accepted.filter(({ name }) => counted.has(name)).map(({ at }) => at));
  return accepted
    .filter(({ name, at }) => !counted.has(name) && at < last)
    .map(({ name }) => `an accepted update counts nowhere, though later ones do: ${name}`);
}

/** Events of a run follow from what was done in it, not from how often somebody looked: so many for each task and round. */
const eventsFor = { task: 16, round: 60, beginning: 60 };

export function historyBounded({ trainings, aggregations, events }: RunHistory): string[] {
  const { task, round, beginning } = eventsFor;
  const allowed = beginning * events.length + task * trainings.length + round * aggregations.length;
  const all = events.reduce((sum, count) => sum + count, 0);
  if (all <= allowed) return [];
  return [`the history has ${all} events for ${trainings.length} tasks, more than ${allowed}`];
}

/** w + rate / size · Σ (w_k − base_k) / √(1 + τ_k) of exactly these updates, computed anew. */
async function sumsOfChanges(history: RunHistory, rules: BufferRules): Promise<string[]> {
  const found = await Promise.all(history.aggregations.map((step) => sumOfChanges(step, rules)));
  return found.flat();
}

async function sumOfChanges(
  { input, result }: Step<AggregateInput, AggregateResult>,
  { serverLearningRate }: BufferRules,
): Promise<string[]> {
  if (result === undefined) return [];
  const before = await weightsOf(input.weights);
  const made = await weightsOf(result.weights);
  const changes = await Promise.all(
    input.updates.map(async ({ blob, base = input.weights, staleness = 0 }) => ({
      part: serverLearningRate / input.updates.length / Math.sqrt(1 + staleness),
      weights: await weightsOf(blob),
      start: await weightsOf(base satisfies BlobRef),
    })),
  );
  return Object.entries(made).flatMap(([name, { data }]) => {
    const far = data.findIndex((value, i) => {
      const at = (weights: typeof before): number => weights[name]?.data[i] ?? Number.NaN;
      const should = changes.reduce(
        (sum, { part, weights, start }) => sum + part * (at(weights) - at(start)),
        at(before),
      );
      return !(Math.abs(value - should) <= 1e-5 * Math.max(1, Math.abs(should)));
    });
    return far < 0 ? [] : [`round ${input.round}: ${name}[${far}] is not the sum of the changes of its updates`];
  });
}
