/** The bundle: every export is a workflow type. Kinds first, then runs. */
export { dataset } from './dataset.ts';
export { federatedLearningJob } from './federated-learning-job.ts';
export { incrementalLearningJob } from './incremental-learning-job.ts';
export { jointInferenceService } from './joint-inference-service.ts';
export { model } from './model.ts';
export { node } from './node.ts';
export {
  featureExtractionService,
  lifelongLearningJob,
  objectSearchService,
  objectTrackingService,
  reidJob,
  videoAnalyticsJob,
} from './unsupported.ts';
export { federatedCohort } from './runs/federated-cohort.ts';
export { federatedRun } from './runs/federated-run.ts';
export { incrementalRound } from './runs/incremental-round.ts';
