/** Stored rounds of a federated job, as its entity tells them. */
import type { Client } from '@temporalio/client';
import { askDetails } from '../../activities/lib/entities.ts';
import { storedRounds } from '../../workflows/lib/federated/stored.ts';
import type { RoundRecord } from '../../workflows/lib/federated/state.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';
import { badUsage, CliError, EXIT } from './errors.ts';
import { notFound, referenceOf } from './references.ts';

export interface RoundsOfJob {
  epoch: number;
  rounds: RoundRecord[];
}

const kind = 'FederatedLearningJob';

/** `digits`, `fl/digits` or `fl digits`. */
export function federatedReference(words: string[], namespace: string): EntityRef {
  const [first = ''] = words;
  if (words.length === 1 && !first.includes('/')) return { kind, namespace, name: first };
  const ref = referenceOf(words, namespace);
  if (ref.kind === kind) return ref;
  throw new CliError(`${ref.kind} has no stored rounds`, {
    code: 'UnknownKind',
    hint: 'only a FederatedLearningJob has: sedna get fl lists them',
    exitCode: EXIT.usage,
  });
}

export async function roundsOf(client: Client, ref: EntityRef): Promise<RoundsOfJob> {
  const details = (await askDetails(client, ref)) as RoundsOfJob | null | undefined;
  if (details === undefined || details === null) throw notFound(ref);
  return details;
}

export function roundNumber(option: string, text: string): number {
  const round = Number(text);
  if (/^\d{1,9}$/.test(text)) return round;
  throw badUsage(`${option}: "${text}" is no round`, 'write a whole number; 0 is what round 1 starts from');
}

/** Throws `NotFound` that says which rounds are. 0 always is. */
export function requireStored(ref: EntityRef, { rounds }: RoundsOfJob, round: number): void {
  if (round === 0 || rounds.some((known) => known.round === round)) return;
  throw new CliError(`round ${round} of ${ref.namespace}/${ref.name} is not stored: ${storedRounds(rounds)}`, {
    code: 'NotFound',
    hint: `sedna rounds ${ref.name} lists them`,
    exitCode: EXIT.notFound,
  });
}
