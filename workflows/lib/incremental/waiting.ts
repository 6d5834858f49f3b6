/** What an incremental job waits with for its next round, and what becomes of the answer. Pure. */
import type { AwaitTriggerInput, AwaitTriggerResult } from '../../../activities/contracts.ts';
import { entityId } from '../ids.ts';
import { startCursor } from '../samples.ts';
import { beginRound } from './rounds.ts';
import { assess, type JobView, type Situation } from './situation.ts';

export interface Waiting {
  /** Of the dataset. */
  node: string;
  input: AwaitTriggerInput;
}

/** Undefined while no new round may begin: paused, stopped, in a round, or about to take up a failed one. */
export function waitingOf(view: JobView, situation: Situation | undefined): Waiting | undefined {
  const { own, desired, ref } = view;
  if (situation === undefined || desired.manifest === undefined) return undefined;
  if (own.mode !== 'run' || own.current !== undefined || own.suspended?.again === true) return undefined;
  const { trainProb, train } = desired.fields;
  const { url, format, nodeName } = situation.dataset;
  return {
    node: nodeName,
    input: {
      listener: { workflowId: entityId(ref), uid: desired.uid, slot: 'trigger' },
      dataset: { url, format },
      cursor: own.cursor,
      trainProb,
      trigger: train.trigger,
      ...(own.beyond === undefined ? {} : { beyond: own.beyond }),
      ...(own.manual ? { manual: true } : {}),
    },
  };
}

export function keyOf(waiting: Waiting): string {
  return JSON.stringify(waiting);
}

/** An answer to what is no longer asked counts for nothing: a verb or an edit was faster, and the loop asks anew. */
export function onTriggered(view: JobView, asked: Waiting, answer: AwaitTriggerResult): void {
  const { take, evaluateOnly, restarted } = answer;
  const { own, desired } = view;
  const now = waitingOf(view, assess(view).situation);
  if (now === undefined || keyOf(now) !== keyOf(asked)) return;
  if (restarted) {
    view.emit({
      type: 'Warning',
      reason: 'DatasetReplaced',
      message: `${asked.input.dataset.url} was replaced; all its samples count as new`,
    });
    own.cursor = startCursor;
    own.beyond = undefined;
  }
  const manual = own.manual;
  own.manual = false;
  if (take !== undefined) beginRound(view, take);
  else if (manual) view.refuse('trigger', nothingToTrain(desired.fields, evaluateOnly));
}

function nothingToTrain({ dataset, trainProb }: JobView['desired']['fields'], evaluateOnly?: number): string {
  if (evaluateOnly === undefined) return `no new sample in dataset ${dataset}`;
  return `of ${evaluateOnly} new samples in dataset ${dataset} none would train (trainProb ${trainProb}): append more`;
}
