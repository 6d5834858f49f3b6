/** What a round is pinned to, and what of that is pinned anew when somebody retries it. Pure. */
import type { BlobRef, ModelSource } from '../../../activities/contracts.ts';
import type { PublishedModel } from '../../model.ts';
import { serviceWorkerName } from '../ids.ts';
import { trainSamples } from '../samples.ts';
import { currentModel } from '../versions.ts';
import type { JobView, Situation } from './situation.ts';
import type { IncrementalState, RoundPlan, RoundProgress } from './state.ts';

export type Kept = Pick<RoundPlan, 'round' | 'take' | 'evalSets'>;

/** Everything as it is now, but for what is kept. */
export function planRound(view: JobView, situation: Situation, manifest: BlobRef, kept: Kept): RoundPlan {
  const { ref, own, desired } = view;
  const owner = { ...ref, uid: desired.uid };
  const { dataset, initialModel, deployModel, evalModel, nodes } = situation;
  return {
    owner,
    ...kept,
    fields: desired.fields,
    manifest,
    dataset: { url: dataset.url, format: dataset.format },
    nodes,
    base: own.base ?? currentFile(initialModel),
    baseline: baselineOf(own, evalModel ?? deployModel, evalModel !== undefined),
    deployUrl: deployModel.url,
    ...(evalModel === undefined ? {} : { evalUrl: evalModel.url }),
    formats: { initial: initialModel.format, deploy: deployModel.format },
    inferenceWorker: serviceWorkerName(owner, 'inference'),
  };
}

/** An evaluation Model gets no versions: what it stands for after a deployment only the job knows, until it names another file. */
function baselineOf({ judgedWith }: IncrementalState, model: PublishedModel, isForEvaluation: boolean): ModelSource {
  const { url, format } = model;
  if (!isForEvaluation || judgedWith?.evalUrl !== url) return currentModel(model);
  return { url, format, blob: judgedWith.blob };
}

function currentFile({ url, format }: ModelSource): ModelSource {
  return { url, format };
}

/**
 * A failed round as the present generation wants it: what a person has mended must count. Its samples stay, and the results of
 * its completed stages. Once it has trained, so do the model that it began with and the split of its samples: none of those that
 * have trained may evaluate.
 */
export function replanRound(
  view: JobView,
  situation: Situation,
  manifest: BlobRef,
  { plan: before, progress }: { plan: RoundPlan; progress: RoundProgress },
): { plan: RoundPlan; progress: RoundProgress } {
  const { round, take, evalSets } = before;
  const fresh = planRound(view, situation, manifest, { round, take, evalSets });
  if (progress.trained !== undefined) {
    const plan = { ...fresh, base: before.base, fields: { ...fresh.fields, trainProb: before.fields.trainProb } };
    // The files of its samples are on the node where they were cut.
    return { plan, progress: before.nodes.data === fresh.nodes.data ? progress : { ...progress, prepared: undefined } };
  }
  const trained = trainSamples(take.from, take.to.samples, fresh.fields.trainProb);
  const plan = { ...fresh, take: { ...take, trainSamples: trained } };
  return { plan, progress: cutting(plan) === cutting(before) ? progress : {} };
}

/** What the files of its samples depend on. */
function cutting({ dataset, nodes, fields }: RoundPlan): string {
  return JSON.stringify([dataset, nodes.data, fields.trainProb, fields.outputDir]);
}
