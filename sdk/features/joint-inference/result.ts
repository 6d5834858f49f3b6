import type { MiningMode } from '../../worker/config.ts';
import type { Origin } from './big-model.ts';
import { noAnswers } from './cloud.ts';
import type { CloudAnswer, NoAnswer } from './cloud.ts';
import type { Deferral } from './deferred/deferred-answers.ts';

/** Why the answer is the one that it is. */
export interface Decision {
  mode: MiningMode;
  /** `edge`, `cloud`, or the name of a tier between them. */
  answeredBy: string;
  /** `EdgeFailed`: the little model failed and a bigger one answered; whether the sample is hard nobody knows. */
  reason: 'NotHard' | 'CloudAnswered' | 'TierAnswered' | 'EdgeFailed' | NoAnswer;
  /** What the big model or the way to it said, where it gave no answer; of a tier's degraded answer: what the tier was told. */
  message?: string;
  /** Of the little model, in ms; absent when it was not asked. */
  edgeMs?: number;
  /** Of the big model, in ms; absent when it was not asked. */
  cloudMs?: number;
}

export interface JointResult<O> {
  requestId: string;
  isHard: boolean;
  /** The answer: the cloud's or a tier's where there is one, else the edge's after post-processing. */
  result: unknown;
  /** What the little model said. Absent when it was not asked. */
  edgeResult?: O;
  /** What those above said, the cloud or a tier. */
  cloudResult?: unknown;
  /** The sample is hard for the model that answered, the little one or that of a tier, and no bigger one could be asked. */
  degraded: boolean;
  decision: Decision;
  /** Whether a final answer comes later; absent where none is wanted. */
  deferral?: Deferral;
}

/** What came of the two models; `cloud` is absent where it was not wanted. */
export interface Parts<O> {
  requestId: string;
  mode: MiningMode;
  /** Of the worker itself. Default: edge. */
  name?: string;
  isHard: boolean;
  edge?: { raw: O; result: unknown; milliseconds: number };
  cloud?: CloudAnswer<unknown>;
}

export function jointResult<O>({ requestId, mode, name = 'edge', isHard, edge, cloud }: Parts<O>): JointResult<O> {
  const ofEdge = edge && { edgeResult: edge.raw };
  const times = { ...(edge && { edgeMs: edge.milliseconds }), ...(cloud && { cloudMs: cloud.milliseconds }) };
  const base = { requestId, isHard, ...ofEdge };
  if (cloud === undefined) {
    const decision: Decision = { mode, answeredBy: name, reason: 'NotHard', ...times };
    return { ...base, result: edge?.result, degraded: false, decision };
  }
  if ('reason' in cloud) {
    const { reason, message } = cloud;
    const decision: Decision = { mode, answeredBy: name, reason, message, ...times };
    return { ...base, result: edge?.result, degraded: true, decision };
  }
  const decision: Decision = { mode, ...saidAbove(cloud.origin), ...times };
  const degraded = cloud.origin?.degraded ?? false;
  return { ...base, result: cloud.answer, cloudResult: cloud.answer, degraded, decision };
}

/** The mark of a degraded answer is passed on with its reason, whoever gave it. */
function saidAbove(origin: Origin | undefined): Pick<Decision, 'answeredBy' | 'reason' | 'message'> {
  const { answeredBy = 'cloud', degraded = false, reason, message } = origin ?? {};
  if (!degraded) return { answeredBy, reason: answeredBy === 'cloud' ? 'CloudAnswered' : 'TierAnswered' };
  const why = noAnswers.find((known) => known === reason) ?? 'CloudFailed';
  return { answeredBy, reason: why, ...(message !== undefined && { message }) };
}
