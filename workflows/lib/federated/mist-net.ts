/**
 * MistNet: in the one round that there is, clients hand over encoded features instead of updates, and what is behind the cut of the model is trained on
 * the node that aggregates.
 */
import { ApplicationFailure } from '@temporalio/workflow';
import type { AcceptedUpdate, Encoding, TrainHeadResult } from '../../../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import { edge } from '../activities.ts';
import { aggregatorListener } from './listeners.ts';
import type { RoundStart } from './round.ts';
import { seedOf, settingsOf } from './settings.ts';

export function isMistNet({ aggregation }: Pick<FederatedLearningJobFields, 'aggregation'>): boolean {
  return aggregation.strategy === 'MistNet';
}

/** What a person must know of such a job. */
export const mistNetMeaning =
  'features leave a node once, as bits with noise: epsilon is of each value of a sample, the values of a sample compose, labels have no ' +
  'protection; a repetition draws other noise, so it comes to another digest';

/** What clients are asked for. Before any of them is: that the model can be cut, and what is behind it trained. */
export async function inspectCut({ plan, model: { file } }: RoundStart): Promise<Encoding> {
  const { aggregator, fields } = plan;
  const { parameters } = fields.aggregation;
  if (file === undefined) {
    throw ApplicationFailure.create({
      type: 'InvalidSpec',
      message:
        `spec.aggregation.strategy: MistNet cuts an ONNX file: Model ${fields.model} has none with weights at its spec.url, and there is ` +
        'no spec.pretrainedModel that has; give it one and apply again',
      nonRetryable: true,
    });
  }
  const summary = `where to cut ${fields.model} on ${aggregator}`;
  return edge(aggregator, summary).inspectCut({ file, parameters, loss: fields.evaluation.loss });
}

export async function trainHead(
  { owner, plan, model: { file } }: RoundStart,
  round: number,
  updates: AcceptedUpdate[],
): Promise<TrainHeadResult> {
  const { aggregator, fields } = plan;
  if (file === undefined) throw new Error('the model has no file'); // inspectCut would have refused it.
  const { mu: _, ...settings } = settingsOf(fields, round);
  return edge(
    aggregator,
    `round ${round} · train on the features of ${updates.length} clients on ${aggregator}`,
  ).trainHead({
    owner,
    round,
    file,
    parameters: fields.aggregation.parameters,
    loss: fields.evaluation.loss,
    updates,
    settings,
    seed: seedOf(fields.selection.seed, 'head', round),
    listener: aggregatorListener(owner, plan),
  });
}
