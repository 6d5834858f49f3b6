import type { Manifest } from '../../crds/lib/kind.ts';
import { helpFor, helpForUndeployed, paragraphOf } from '../../workflows/lib/cures.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';
import { valueAt } from './columns.ts';

/** What a person does about a reason, and the paragraph that says more; both absent for a reason that needs nobody. */
export interface Help {
  cure?: string;
  more?: string;
}

export interface ExplainedCondition extends Help {
  type: string;
  status: string;
  reason?: string;
  message?: string;
  since?: string;
}

export interface Explanation {
  phase: string;
  /** Round and stage, for people. */
  place: string;
  waitingFor?: Help & { reason: string; message: string; since: string };
  refused?: Help & { verb: string; message: string; time: string };
  lastRound?: Help & { round: number; message: string };
  /** Roll-ups that hold, and whether it is Available. Help is given for what `waitingFor` does not say already. */
  conditions: ExplainedCondition[];
}

interface Status {
  phase?: string;
  round?: number;
  stage?: string;
  waitingFor?: { reason: string; message: string; since: string } | null;
  refused?: { verb: string; message: string; time: string };
  lastRound?: { round: number; message: string; reason?: string };
  conditions?: {
    type: string;
    status: string;
    reason?: string;
    message?: string;
    stage?: string;
    lastTransitionTime?: string;
  }[];
}

/** From the status alone: what kubectl shows too, in the order in which a person asks. */
export function explain(ref: EntityRef, object: Manifest): Explanation {
  const status = valueAt(object, '.status') as Status | undefined;
  if (status?.phase === undefined) return untouched(object.metadata.creationTimestamp);
  const { phase, round, stage, waitingFor, refused, lastRound, conditions = [] } = status;
  const told = new Set<string>();
  const help = (problem: { reason: string; message?: string }): Help => {
    const first = !told.has(problem.reason);
    told.add(problem.reason);
    return (first ? helpFor(problem, ref) : undefined) ?? {};
  };
  return {
    phase,
    place: [round === undefined ? '' : `round ${round}`, stage === undefined ? '' : `stage ${stage}`]
      .filter((part) => part !== '')
      .join(', '),
    ...(waitingFor ? { waitingFor: { ...waitingFor, ...help(waitingFor) } } : {}),
    ...(refused === undefined ? {} : { refused: { ...refused, more: paragraphOf('Refused') } }),
    ...(lastRound === undefined ? {} : { lastRound: { ...lastRound, ...helpForUndeployed(lastRound, ref) } }),
    conditions: conditions
      .filter(
        ({ stage: ofStage, status: holds, type }) =>
          ofStage === undefined && (holds === 'True' || type === 'Available'),
      )
      .map(({ type, status: holds, reason, message, lastTransitionTime }) => ({
        type,
        status: holds,
        reason,
        message,
        since: lastTransitionTime,
        ...(reason === undefined ? {} : help({ reason, message })),
      })),
  };
}

/** Applied, but nobody has taken it up. */
function untouched(since = ''): Explanation {
  return {
    phase: 'Unknown',
    place: '',
    waitingFor: {
      reason: 'NoGlobalManager',
      message: 'no global manager has taken it up yet',
      since,
      cure: 'sedna doctor says whether one runs; sedna up starts the stack of this directory, sedna gm one by hand',
      more: paragraphOf('NoGlobalManager'),
    },
    conditions: [],
  };
}
