/** What ten rounds left, in a form that two runs can be compared by. */
import type { JobStatus } from './status.ts';
import { model } from './stack.ts';
import type { PointsWorld } from './world.ts';

export interface Outcome {
  rounds: { round: number; clients: number; samples: number; digest: string; metrics: Record<string, number> }[];
  versions: { sha256: string; stage: string; round: number; samples: number }[];
  conditions: string[];
}

interface ListedVersion {
  sha256: string;
  stage: string;
  lineage: { round: number; samples: number };
}

/** Asked of the entities: what Kubernetes shows of them may come later, and is compared then. */
export async function outcomeOf(world: PointsWorld, status: JobStatus): Promise<Outcome> {
  const { versions } = await world.ask<{ versions: ListedVersion[] }>('Model', model, 30_000);
  return {
    rounds: status.rounds.map(({ round, clients, samples, digest, metrics }) => ({
      round,
      clients,
      samples,
      digest,
      metrics,
    })),
    versions: versions.map(({ sha256, stage, lineage: { round, samples } }) => ({ sha256, stage, round, samples })),
    conditions: status.conditions.map(({ type, reason }) => (reason === undefined ? type : `${type}/${reason}`)),
  };
}

export function differences(outcome: Outcome, undisturbed: Outcome): string[] {
  const found: string[] = [];
  for (const [i, should] of undisturbed.rounds.entries()) {
    const is = outcome.rounds[i];
    if (JSON.stringify(is) === JSON.stringify(should)) continue;
    found.push(
      `round ${should.round} differs from the undisturbed run: ${JSON.stringify(is)}, not ${JSON.stringify(should)}`,
    );
    break;
  }
  for (const key of ['versions', 'conditions'] as const) {
    const [is, should] = [JSON.stringify(outcome[key]), JSON.stringify(undisturbed[key])];
    if (is !== should) found.push(`${key} differ from the undisturbed run: ${is} instead of ${should}`);
  }
  return found;
}
