/** Status is derived: from what an entity knows to what a person reads. Pure. */
import { helpFor } from './cures.ts';
import type { Problem } from './failures.ts';
import type { Rejected } from './desired.ts';
import type { EntityRef } from './ids.ts';
import type { FieldError } from './messages.ts';

/** What is waited for, and how much of it is there. */
export interface Wait extends Problem {
  have?: number;
  need?: number;
  missing?: string[];
}

export interface WaitingFor extends Wait {
  /** RFC 3339. */
  since: string;
  /** What a person does about it; absent where the reason is none of the catalogue. */
  cure?: string;
  /** The paragraph that says more. */
  more?: string;
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
  waitingFor?: Wait;
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
  ref: EntityRef;
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
  const waiting = waitingSince(draft.waitingFor, before.waiting, context);
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
  problem: Wait | undefined,
  before: WaitingFor | undefined,
  { ref, now }: StatusContext,
): WaitingFor | undefined {
  if (problem === undefined) return undefined;
  const { reason } = problem;
  const since = before?.reason === reason ? before.since : now;
  return {
    ...problem,
    message: clip(problem.message),
    since,
    ...helpFor(problem, ref),
  };
}

export function clip(message: string): string {
  return message.length <= maxMessage ? message : `${message.slice(0, maxMessage - 1)}…`;
}

/** Of an object whose manifest names fields that cannot work. */
export function invalidDraft(errors: FieldError[]): StatusDraft {
  const message = listed(errors);
  return {
    phase: 'Failed',
    waitingFor: { reason: 'InvalidSpec', message },
    progressing: { status: false, reason: 'InvalidSpec' },
    available: { status: false, reason: 'InvalidSpec' },
    degraded: { status: true, reason: 'InvalidSpec', message },
  };
}

/** Of an object whose newest generation is refused while an earlier one is acted on. */
export function rejectedDraft(draft: StatusDraft, generation: number, rejected: Rejected): StatusDraft {
  const message = rejectedMessage(generation, rejected);
  return { ...draft, degraded: { status: true, reason: 'InvalidSpec', message } };
}

export function rejectedMessage(generation: number, { actsOn, invalid }: Rejected): string {
  return `generation ${generation} is not valid, generation ${actsOn} is still acted on: ${listed(invalid)}`;
}

function listed(errors: FieldError[]): string {
  return errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
}
