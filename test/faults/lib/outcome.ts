/** What a run left, in a form that two runs can be compared by; and what must hold of every run. */
import type { JobStatus } from '../../support/digits-stack.ts';
import type { LoadResult } from './load.ts';
import type { World } from './world.ts';

/** Serving may be interrupted for so long, by anything. */
export const maxGapMs = 2_000;

interface Version {
  sha256: string;
  stage: string;
  round: number;
  samples: number;
  dataset: string;
}

export interface Outcome {
  rounds: { round: number; train: string[]; eval: string[] }[];
  usedSamples: number;
  stages: string[];
  versions: Version[];
}

interface ListedVersion {
  sha256: string;
  stage: string;
  lineage: { round: number; samples: number; dataset: string };
}

/** Asked of the entities: what Kubernetes shows of them may come later, and is compared then. */
export async function outcomeOf(world: World, status: JobStatus): Promise<Outcome> {
  const model = await world.ask<{ versions: ListedVersion[] }>('Model', 'digits-deployed', 30_000);
  return {
    rounds: Array.from({ length: status.round }, (_, i) => ({
      round: i + 1,
      train: world.stack.samples(i + 1, 'train'),
      eval: world.stack.samples(i + 1, 'eval'),
    })),
    usedSamples: status.usedSamples,
    stages: stagesOf(status),
    versions: model.versions.map(({ sha256, stage, lineage: { round, samples, dataset } }) => ({
      sha256,
      stage,
      round,
      samples,
      dataset,
    })),
  };
}

export function stagesOf(status: JobStatus): string[] {
  return status.conditions.filter(({ stage }) => stage !== undefined).map(({ stage, type }) => `${stage}/${type}`);
}

/** What there was when only the first round had ended. */
export function afterFirstRound({ rounds, stages, versions, usedSamples }: Outcome): Outcome {
  return {
    rounds: rounds.slice(0, 1),
    usedSamples: usedSamples / rounds.length,
    stages: stages.slice(0, stages.indexOf('Train/Waiting', 1) + 1),
    versions: versions.filter(({ round }) => round === 1).map((version) => ({ ...version, stage: 'live' })),
  };
}

/** What is wrong with a run; empty when nothing is. */
export function violations(outcome: Outcome, undisturbed: Outcome | undefined): string[] {
  const found: string[] = [];
  const trained = outcome.rounds.flatMap(({ train }) => train);
  if (new Set(trained).size !== trained.length) found.push('a sample was trained twice');
  const judged = new Set(outcome.rounds.flatMap(({ eval: samples }) => samples));
  if (trained.some((sample) => judged.has(sample))) found.push('a sample was trained and judged');
  if (undisturbed === undefined) return found;
  for (const key of ['rounds', 'usedSamples', 'stages', 'versions'] as const) {
    const [is, should] = [JSON.stringify(outcome[key]), JSON.stringify(undisturbed[key])];
    if (is !== should) found.push(`${key} differ from the undisturbed run: ${difference(is, should)}`);
  }
  return found;
}

/** What nobody who asks for predictions may ever see. */
export function servingViolations({ versions }: Pick<Outcome, 'versions'>, load: LoadResult): string[] {
  const found: string[] = [];
  const { longestGapMs, longestOwnGapMs, versions: seen } = load;
  if (longestOwnGapMs > maxGapMs)
    found.push(`serving was interrupted for ${longestOwnGapMs} ms (${longestGapMs} ms with waits for a CPU)`);
  const known = new Set(versions.map(({ sha256 }) => sha256.slice(0, 12)));
  if (new Set(seen).size !== seen.length) found.push(`an old version was served again: ${seen.join(', ')}`);
  // The first model is of no round: one that no version lists may be served.
  if (seen.filter((version) => !known.has(version)).length > 1)
    found.push(`unknown versions were served: ${seen.join(', ')}`);
  return found;
}

/** Where two texts part, with some of what comes there. */
export function difference(is: string, should: string): string {
  let at = 0;
  while (at < is.length && is[at] === should[at]) at += 1;
  const from = Math.max(0, at - 60);
  return `…${is.slice(from, at + 200)} instead of …${should.slice(from, at + 200)}`;
}
