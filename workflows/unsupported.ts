import { runEntity, type EntityInput, type EntityKind } from './lib/entity.ts';

type Nothing = Record<string, never>;

/** Kinds that are accepted and stored but have no workflow yet say so instead of staying silent. */
function unsupported(kind: string): (input: EntityInput<Nothing, Nothing>) => Promise<void> {
  const message = `the workflow of ${kind} comes in a later release; the object is kept and will be taken up then`;
  const verdict = { status: false, reason: 'NotSupportedYet' };
  const plugin: EntityKind<Nothing, Nothing> = {
    kind,
    initial: () => ({}),
    plan: () => [],
    status: () => ({
      phase: 'Pending',
      waitingFor: { reason: 'NotSupportedYet', message },
      progressing: verdict,
      available: verdict,
      degraded: { status: true, reason: 'NotSupportedYet', message },
    }),
  };
  return (input) => runEntity(plugin, input);
}

export const lifelongLearningJob = unsupported('LifelongLearningJob');
export const featureExtractionService = unsupported('FeatureExtractionService');
export const videoAnalyticsJob = unsupported('VideoAnalyticsJob');
export const reidJob = unsupported('ReidJob');
export const objectSearchService = unsupported('ObjectSearchService');
export const objectTrackingService = unsupported('ObjectTrackingService');
