/** What round 1 starts from: the pretrained Model, else the Model's own file, else the weights that the lowest client begins with. */
import { ApplicationFailure } from '@temporalio/workflow';
import type { BlobRef, ImportedModel, ModelSource } from '../../../activities/contracts.ts';
import { clientTask, edge } from '../activities.ts';
import type { RunPlan, RunState } from './state.ts';
import { present } from './choosing.ts';
import { commonOf, taskFor, trainerAt, type RunPlace } from './trainers.ts';

export async function firstModel(run: RunPlace): Promise<NonNullable<RunState['initial']>> {
  const { pretrained, model } = run.plan;
  const given = pretrained && (await importOf(run.plan, pretrained));
  if (pretrained !== undefined && given === undefined && isRead(pretrained)) throw unreadable(run.plan, pretrained);
  const imported = given ?? (await importOf(run.plan, model));
  return imported ?? { weights: await firstWeights(run) };
}

function importOf({ aggregator }: RunPlan, model: ModelSource): Promise<ImportedModel | undefined> {
  return edge(aggregator, `first global model from ${model.url}`).importModel({ model });
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

async function firstWeights(run: RunPlace): Promise<BlobRef> {
  const [lowest = ''] = present(run.plan);
  const trainer = trainerAt(run.plan, lowest);
  if (trainer === undefined) throw new Error('no client is there');
  const { client, node } = trainer;
  const result = await clientTask(node, `first weights from client ${client} on ${node}`).trainClient({
    ...taskFor(commonOf(run), trainer, 0),
    task: 'Weights',
    settings: {},
    evaluate: false,
  });
  if ('accepted' in result) return result.accepted.blob;
  const { reason: type, message } = result.refused;
  throw ApplicationFailure.create({ type, message, nonRetryable: true });
}
