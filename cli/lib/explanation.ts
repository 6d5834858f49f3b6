import type { Manifest } from '../../crds/lib/kind.ts';
import { valueAt } from './columns.ts';
import { cures } from './cures.ts';

export interface Explanation {
  phase: string;
  /** Round and stage, for people. */
  place: string;
  waitingFor?: { reason: string; message: string; since: string };
  /** What would unblock it. */
  cure?: string;
  refused?: { verb: string; message: string };
  lastRound?: { round: number; message: string };
  /** Roll-ups that hold, and whether it is Available. */
  conditions: { type: string; status: string; reason?: string; message?: string }[];
}

interface Status {
  phase?: string;
  round?: number;
  stage?: string;
  waitingFor?: Explanation['waitingFor'] | null;
  refused?: Explanation['refused'];
  lastRound?: Explanation['lastRound'];
  conditions?: (Explanation['conditions'][number] & { stage?: string })[];
}

const unknown = 'Unknown: no global manager has taken it up yet; sedna doctor says whether one runs';

/** From the status alone: what kubectl shows too, in the order in which a person asks. */
export function explain(object: Manifest): Explanation {
  const status = (valueAt(object, '.status') ?? {}) as Status;
  const { phase = unknown, round, stage, waitingFor, refused, lastRound, conditions = [] } = status;
  return {
    phase,
    place: [round === undefined ? '' : `round ${round}`, stage === undefined ? '' : `stage ${stage}`]
      .filter((part) => part !== '')
      .join(', '),
    ...(waitingFor ? { waitingFor, cure: cures[waitingFor.reason] } : {}),
    refused,
    lastRound,
    conditions: conditions
      .filter(
        (condition) => condition.stage === undefined && (condition.status === 'True' || condition.type === 'Available'),
      )
      .map(({ type, status: holds, reason, message }) => ({ type, status: holds, reason, message })),
  };
}
