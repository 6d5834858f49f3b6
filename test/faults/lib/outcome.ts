/** What a run left, in a form that two runs can be compared by; and what must hold of every run. */
import type { JobStatus } from '../../support/digits-stack.ts';
import type { LoadResult } from './load.ts';
import type { World } from './world.ts';

/** Serving may be interrupted for so long, by anything. */
export const maxGapMs = 2_000;

export interface Outcome {
  rounds: { round: number; train: string[]; eval: string[] }[];
  usedSamples: number;
  stages: string[];
  versions: { sha256: string; stage: string; round: number; samples: number; dataset: string }[];
}

interface Version {
  sha256: string;
  stage: string;
  lineage: { round: number; samples: number; dataset: string };
}

export async function outcomeOf(world: World, status: JobStatus): Promise<Outcome> {
  const model = (await world.stack.status('digits-deployed', 'model')) as unknown as { versions: Version[] };
  return {
    rounds: [1, 2].map((round) => ({
      round,
      train: world.stack.samples(round, 'train'),
      eval: world.stack.samples(round, 'eval'),
    })),
    usedSamples: status.usedSamples,
    stages: status.conditions.filter(({ stage }) => stage !== undefined).map(({ stage, type }) => `${stage}/${type}`),
    versions: model.versions.map(({ sha256, stage, lineage }) => ({
      sha256,
      stage,
      round: lineage.round,
      samples: lineage.samples,
      dataset: lineage.dataset,
    })),
  };
}

/** What is wrong with a run; empty when nothing is. */
export function violations(outcome: Outcome, undisturbed: Outcome | undefined, load: LoadResult): string[] {
  const found: string[] = [];
  const trained = outcome.rounds.flatMap(({ train }) => train);
  if (new Set(trained).size !== trained.length) found.push('a sample was trained twice');
  const judged = new Set(outcome.rounds.flatMap(({ eval: samples }) => samples));
  if (trained.some((sample) => judged.has(sample))) found.push('a sample was trained and judged');
  if (load.longestGapMs > maxGapMs) found.push(`serving was interrupted for ${load.longestGapMs} ms`);
  const known = new Set(outcome.versions.map(({ sha256 }) => sha256.slice(0, 12)));
  const served = load.versions.filter((version) => known.has(version));
  if (new Set(load.versions).size !== load.versions.length)
    found.push(`an old version was served again: ${load.versions.join(', ')}`);
  if (load.versions.length - served.length > 1) found.push(`unknown versions were served: ${load.versions.join(', ')}`);
  if (undisturbed !== undefined) {
    for (const key of ['rounds', 'usedSamples', 'stages', 'versions'] as const) {
      const [is, should] = [JSON.stringify(outcome[key]), JSON.stringify(undisturbed[key])];
      if (is !== should)
        found.push(`${key} differ from the undisturbed run: ${is.slice(0, 600)} instead of ${should.slice(0, 600)}`);
    }
  }
  return found;
}
