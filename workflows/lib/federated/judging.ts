/** Judging each global model on test data of the job (`evaluation.where: Central`). */
import { isCancellation } from '@temporalio/workflow';
import { edge } from '../activities.ts';
import type { Problem } from '../failures.ts';
import { problemOf } from '../problems.ts';
import { weightedMetrics } from './settings.ts';
import type { RoundRecord, RunPlan } from './state.ts';

export type Judgement = Pick<RoundRecord, 'metrics' | 'unjudged'>;

/** Every so many rounds, and after the last one. */
export function isJudged({ fields: { evaluation, rounds }, test }: RunPlan, round: number): boolean {
  return test !== undefined && (round % evaluation.every === 0 || round === rounds.total);
}

/** What an edit may have mended. */
export function isJudgedOtherwise(one: RunPlan, other: RunPlan): boolean {
  const of = ({ fields, test }: RunPlan): string => JSON.stringify([fields.evaluation, test]);
  return of(one) !== of(other);
}

/** A model that cannot be judged is no reason to end the rounds: the record says why. */
export async function judged(plan: RunPlan, record: RoundRecord): Promise<RoundRecord> {
  const { test, fields } = plan;
  if (test === undefined || !isJudged(plan, record.round)) return record;
  if (record.file === undefined) return { ...record, unjudged: noFile(fields.model) };
  const { metrics: wanted, label, loss } = fields.evaluation;
  const summary = `round ${record.round} · judge the global model on ${test.dataset} on ${test.node}`;
  try {
    const { metrics } = await edge(test.node, summary).evaluateModel({
      model: record.file,
      dataset: test.source,
      label,
      loss,
    });
    return { ...record, metrics: { ...record.metrics, ...weightedMetrics([{ samples: 1, metrics }], wanted) } };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { ...record, unjudged: problemOf(error) };
  }
}

function noFile(model: string): Problem {
  return {
    reason: 'ModelUnreadable',
    message:
      `spec.evaluation.where: Central: Model ${model} had no ONNX file with weights when round 1 began, so that nothing but its ` +
      'clients can judge it: give it one at its spec.url and reset the job to round 0, or leave where out',
  };
}
