import { dataset } from './dataset.ts';
import { featureExtractionService } from './feature-extraction-service.ts';
import { federatedLearningJob } from './federated-learning-job.ts';
import { incrementalLearningJob } from './incremental-learning-job.ts';
import { jointInferenceService } from './joint-inference-service.ts';
import type { KindDefinition } from './lib/kind.ts';
import { lifelongLearningJob } from './lifelong-learning-job.ts';
import { model } from './model.ts';
import { objectSearchService } from './object-search-service.ts';
import { objectTrackingService } from './object-tracking-service.ts';
import { reidJob } from './reid-job.ts';
import { videoAnalyticsJob } from './video-analytics-job.ts';

/** All kinds, in the order in which they are listed to people. */
export const kinds: readonly KindDefinition[] = [
  dataset,
  model,
  incrementalLearningJob,
  federatedLearningJob,
  lifelongLearningJob,
  jointInferenceService,
  featureExtractionService,
  videoAnalyticsJob,
  reidJob,
  objectSearchService,
  objectTrackingService,
];

const byName = new Map(
  kinds.flatMap((kind) => [kind.kind, kind.plural, kind.singular, ...kind.shortNames].map((name) => [name, kind])),
);

/** Finds a kind by its kind, plural, lower-case kind or short name (`IncrementalLearningJob`, `il`, …). */
export function findKind(name: string): KindDefinition | undefined {
  return byName.get(name) ?? byName.get(name.toLowerCase());
}

/** Like {@link findKind}; throws an error that lists what exists. */
export function requireKind(name: string): KindDefinition {
  const found = findKind(name);
  if (!found) throw new Error(`"${name}" is not a kind of sedna.io; known: ${kinds.map(describe).join(', ')}`);
  return found;
}

const describe = ({ kind, shortNames }: KindDefinition) => [kind, ...shortNames].join('/');
