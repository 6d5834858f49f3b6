import { refusal, type Refusal } from './refusal.ts';

/** Whose update it is and of when. Fields that are absent are not compared. */
export interface Identity {
  /** The run: it holds the uid of the job and the reset epoch. */
  run: string;
  round: number;
  client: string;
  node?: string;
  attempt?: number;
}

/**
 * Is this the update that was asked for? `expected.client` comes from the connection or the task, never from the update itself. `taken`:
 * clients whose update of this round counts already.
 */
export function checkIdentity(claimed: Identity, expected: Identity, taken: ReadonlySet<string>): Refusal | undefined {
  if (claimed.round !== expected.round && claimed.run === expected.run) {
    return refusal('StaleRound', `is of round ${claimed.round}; round ${expected.round} is open`);
  }
  for (const field of ['run', 'client', 'node', 'attempt'] as const) {
    const [is, wanted] = [claimed[field], expected[field]];
    if (is === undefined || wanted === undefined || is === wanted) continue;
    return refusal('WrongIdentity', `${field}: is ${JSON.stringify(is)}; asked was ${JSON.stringify(wanted)}`);
  }
  if (!taken.has(claimed.client)) return undefined;
  return refusal(
    'DuplicateClient',
    `client ${claimed.client} has an accepted update in round ${claimed.round} already`,
  );
}
