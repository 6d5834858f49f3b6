/** Status is derived: from what an entity knows to what a person reads. Pure. */
import type { Problem } from './failures.ts';

export interface WaitingFor extends Problem {
  /** RFC 3339. */
  since: string;
}

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason?: string;
  message?: string;
  observedGeneration?: number;
  lastTransitionTime?: string;
  lastHeartbeatTime?: string;
  stage?: string;
  data?: string;
}

/** A roll-up before it has a transition time. */
export interface Verdict {
  status: boolean;
  reason: string;
  message?: string;
}

/** What a kind says of itself; the frame adds generations, times and order. */
export interface StatusDraft {
  phase: string;
  waitingFor?: Problem;
  progressing: Verdict;
  available: Verdict;
  degraded?: Verdict;
  suspended?: Verdict;
  /** Sedna's own conditions, oldest first. */
  stages?: Condition[];
  /** Everything else: Sedna's fields and ours. */
  fields?: Record<string, unknown>;
  annotations?: Record<string, string>;
}

export const maxConditions = 50;
const maxMessage = 1024;

/** When each roll-up took its present status, and since when the entity waits for its present reason. */
export interface Transitions {
  rollups: Record<string, { status: string; since: string }>;
  waiting?: WaitingFor;
}

export interface StatusContext {
  generation: number;
  handledVerbs: Record<string, string>;
  now: string;
}

/** The status without its sequence, and the transitions to remember. */
export function deriveStatus(
  draft: StatusDraft,
  before: Transitions,
  context: StatusContext,
): { status: Record<string, unknown>; transitions: Transitions } {
  const verdicts: [string, Verdict][] = [
    ['Progressing', draft.progressing],
    ['Available', draft.available],
    ['Degraded', draft.degraded ?? { status: false, reason: 'AsExpected' }],
    ['Suspended', draft.suspended ?? { status: false, reason: 'NotSuspended' }],
  ];
  const rollups: Transitions['rollups'] = {};
  const conditions: Condition[] = [];
  for (const [type, verdict] of verdicts) {
    const status = verdict.status ? 'True' : 'False';
    const known = before.rollups[type];
    const since = known?.status === status ? known.since : context.now;
    rollups[type] = { status, since };
    conditions.push({
      type,
      status,
      reason: verdict.reason,
      ...(verdict.message === undefined ? {} : { message: clip(verdict.message) }),
      observedGeneration: context.generation,
      lastTransitionTime: since,
    });
  }
  const waiting = waitingSince(draft.waitingFor, before.waiting, context.now);
  const stages = (draft.stages ?? []).slice(-(maxConditions - conditions.length));
  return {
    status: {
      phase: draft.phase,
      observedGeneration: context.generation,
      ...draft.fields,
      // null, not absent: the status is written as a merge patch, and a patch removes only what it names.
      waitingFor: waiting ?? null,
      ...(Object.keys(context.handledVerbs).length === 0 ? {} : { handledVerbs: context.handledVerbs }),
      conditions: [...conditions, ...stages],
    },
    transitions: { rollups, ...(waiting === undefined ? {} : { waiting }) },
  };
}

function waitingSince(
  problem: Problem | undefined,
  before: WaitingFor | undefined,
  now: string,
): WaitingFor | undefined {
  if (problem === undefined) return undefined;
  const since = before?.reason === problem.reason ? before.since : now;
  return { reason: problem.reason, message: clip(problem.message), since };
}

export function clip(message: string): string {
  return message.length <= maxMessage ? message : `${message.slice(0, maxMessage - 1)}…`;
}

/** Of an object whose manifest names fields that cannot work. */
export function invalidDraft(errors: { path: string; message: string }[]): StatusDraft {
  const message = errors.map((error) => `${error.path}: ${error.message}`).join('; ');
  return {
    phase: 'Failed',
    waitingFor: { reason: 'InvalidSpec', message },
    progressing: { status: false, reason: 'InvalidSpec' },
    available: { status: false, reason: 'InvalidSpec' },
    degraded: { status: true, reason: 'InvalidSpec', message },
  };
}
