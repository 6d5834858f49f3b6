import type { MiningMode } from '../../worker/config.ts';
import type { CloudAnswer, NoAnswer } from './cloud.ts';
import type { Deferral } from './deferred/deferred-answers.ts';

/** Why the answer is the one that it is. */
export interface Decision {
  mode: MiningMode;
  answeredBy: 'edge' | 'cloud';
  /** `EdgeFailed`: the little model failed and the big one answered. */
  reason: 'NotHard' | 'CloudAnswered' | 'EdgeFailed' | NoAnswer;
  /** What the big model or the way to it said, where it gave no answer. */
  message?: string;
  /** Of the little model, in ms; absent when it was not asked. */
  edgeMs?: number;
  /** Of the big model, in ms; absent when it was not asked. */
  cloudMs?: number;
}

export interface JointResult<O> {
  requestId: string;
  isHard: boolean;
  /** The answer: the cloud's where there is one, else the edge's after post-processing. */
  result: unknown;
  /** What the little model said. Absent when it was not asked. */
  edgeResult?: O;
  cloudResult?: unknown;
  /** The sample is hard and the big model could not be asked: the answer is the little model's. */
  degraded: boolean;
  decision: Decision;
  /** Whether a final answer comes later; absent where none is wanted. */
  deferral?: Deferral;
}

/** What came of the two models; `cloud` is absent where it was not wanted. */
export interface Parts<O> {
  requestId: string;
  mode: MiningMode;
  isHard: boolean;
  edge?: { raw: O; result: unknown; milliseconds: number };
  cloud?: CloudAnswer<unknown>;
}

export function jointResult<O>({ requestId, mode, isHard, edge, cloud }: Parts<O>): JointResult<O> {
  const ofEdge = edge && { edgeResult: edge.raw };
  const times = { ...(edge && { edgeMs: edge.milliseconds }), ...(cloud && { cloudMs: cloud.milliseconds }) };
  const base = { requestId, isHard, ...ofEdge };
  if (cloud === undefined) {
    const decision: Decision = { mode, answeredBy: 'edge', reason: 'NotHard', ...times };
    return { ...base, result: edge?.result, degraded: false, decision };
  }
  if ('reason' in cloud) {
    const { reason, message } = cloud;
    const decision: Decision = { mode, answeredBy: 'edge', reason, message, ...times };
    return { ...base, result: edge?.result, degraded: true, decision };
  }
  const decision: Decision = { mode, answeredBy: 'cloud', reason: 'CloudAnswered', ...times };
  return { ...base, result: cloud.answer, cloudResult: cloud.answer, degraded: false, decision };
}
