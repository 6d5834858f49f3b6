/** What round 1 starts from: the pretrained Model, else the Model's own file, else the weights that a client begins with. */
import { ApplicationFailure } from '@temporalio/workflow';
import { edge } from '../activities.ts';
import type { ImportedModel, ModelSource } from '../../../activities/contracts.ts';
import { aggregatorListener } from './listeners.ts';
import { firstWeights, type AskingFirst } from './first-weights.ts';
import type { RunPlan, RunState } from './state.ts';
import type { RunPlace } from './trainers.ts';
import { unless } from './unless.ts';

/** Undefined once `isOver`. `tookLong`: there are other clients by now. */
export async function firstModel(
  on: AskingFirst,
): Promise<{ initial: NonNullable<RunState['initial']>; tookLong: boolean } | undefined> {
  const imported = await unless(async () => (await importedModel(on.place())) ?? 'none', on.isOver);
  if (imported === undefined) return undefined;
  if (imported !== 'none') return { initial: imported, tookLong: false };
  const weights = await firstWeights(on);
  return weights && { initial: { weights }, tookLong: true };
}

/** Undefined: there is no file to begin with. Waits for the node that aggregates. */
async function importedModel(run: RunPlace): Promise<ImportedModel | undefined> {
  const { pretrained, model } = run.plan;
  const given = pretrained && (await importOf(run, pretrained));
  if (pretrained !== undefined && given === undefined && isRead(pretrained)) throw unreadable(run.plan, pretrained);
  return given ?? (await importOf(run, model));
}

function importOf({ owner, plan }: RunPlace, model: ModelSource): Promise<ImportedModel | undefined> {
  const listener = aggregatorListener(owner, plan);
  return edge(plan.aggregator, `first global model from ${model.url}`).importModel({ model, listener });
}

/** Files of other formats are for the trainers alone, to which they are given too. */
function isRead({ format }: ModelSource): boolean {
  return format === 'onnx' || format === 'safetensors';
}

function unreadable({ aggregator, fields }: RunPlan, { url, blob }: ModelSource): ApplicationFailure {
  const file = blob === undefined ? url : `the live version ${blob.sha256.slice(0, 12)}`;
  const message =
    `spec.pretrainedModel: Model ${fields.pretrainedModel}: ${file} is not there on ${aggregator}, or is neither an ONNX file with weights ` +
    'that train nor safetensors; put it there, or leave pretrainedModel out';
  return ApplicationFailure.create({ type: 'ModelUnreadable', message, nonRetryable: true });
}
