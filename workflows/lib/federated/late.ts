/**
 * What an update is worth that comes after its round (`rounds.late: CreditNextRound`): it stands in for its client when the next round
 * closes, if that client has sent nothing in it. Pure.
 */
import type { AcceptedUpdate, CountedUpdate } from '../../../activities/contracts.ts';
import type { ClientPlace, LateUpdate, OpenRound, RunPlan } from './state.ts';

export type CreditedUpdate = LateUpdate & { update: AcceptedUpdate };

/** Late updates that count if the round closes now. A client whose own update was refused has sent one. */
export function standIns({ late = [], accepted, refused }: OpenRound): CreditedUpdate[] {
  if (late.length === 0) return []; // Asked again and again, also of rounds of thousands.
  const heard = new Set([...accepted, ...refused].map(({ client }) => client));
  return late.filter((entry): entry is CreditedUpdate => entry.update !== undefined && !heard.has(entry.client));
}

/** Clients that are still at the task of a round that has closed: each is asked for the open one when it is done with that. */
export function atWork(late: LateUpdate[] = []): LateUpdate[] {
  return late.filter(({ update }) => update === undefined);
}

/** What may count in a round: of the round before, and of clients that are still what they were. An edit may give an index to another dataset. */
export function lateFor(round: number, late: LateUpdate[], clients: ClientPlace[]): LateUpdate[] {
  const datasets = new Map(clients.map(({ client, dataset }) => [client, dataset]));
  return late.filter((entry) => entry.round === round - 1 && datasets.get(entry.client) === entry.dataset);
}

/** Its client is done with that task: it may be asked in the open round. */
export function withoutTask(
  late: LateUpdate[] = [],
  { client, round }: Pick<LateUpdate, 'client' | 'round'>,
): LateUpdate[] {
  return late.filter((entry) => entry.client !== client || entry.round !== round);
}

/** Whether those who have not answered when a round closes may go on: there is a next round for their updates to count in. */
export function mayGoOn({ fields: { rounds } }: RunPlan, round: number): boolean {
  return rounds.late === 'CreditNextRound' && round < rounds.total;
}

/** In client order, whatever the order of arrival, so that a round repeated is the same. */
export function countedUpdates(round: OpenRound): CountedUpdate[] {
  const credited = standIns(round).map(({ update, base, round: of }): CountedUpdate => ({
    ...update,
    base,
    staleness: round.round - of,
  }));
  return [...round.accepted, ...credited].sort((a, b) => (a.client < b.client ? -1 : 1));
}
