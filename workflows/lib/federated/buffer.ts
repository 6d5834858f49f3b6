/**
 * Rounds that are a full buffer of updates, whoever sends them (FedBuff): no quorum, no deadline, and nobody waits for a round to begin.
 * A client that has handed over an update is asked again at once, from the newest model. Pure.
 */
import type { CountedUpdate } from '../../../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import { listed } from './listing.ts';
import type { BufferRules, ClientPlace, LateUpdate, OpenRound, WaitingRun } from './state.ts';

/** Undefined: the strategy has rounds as others have. The node that aggregates has looked at the values before anybody trains. */
export function bufferOf({ aggregation }: Pick<FederatedLearningJobFields, 'aggregation'>): BufferRules | undefined {
  const { strategy, parameters } = aggregation;
  if (strategy !== 'FedBuff') return undefined;
  const { bufferSize, maxStaleness } = parameters;
  return {
    size: Number(bufferSize),
    ...(maxStaleness === undefined || maxStaleness === '' ? {} : { maxStaleness: Number(maxStaleness) }),
  };
}

/** What a person must know of such a job. */
export const bufferMeaning =
  'a round is a full buffer, whoever sends the updates: rounds.quorum, rounds.deadline and rounds.late have no part in it, and a ' +
  'repetition need not come to the same digests';

export const answered = (entries: LateUpdate[]): LateUpdate[] => entries.filter(({ update }) => update !== undefined);
export const atWork = (entries: LateUpdate[]): LateUpdate[] => entries.filter(({ update }) => update === undefined);

/** Tasks of clients that are still what they were. An edit may give an index to another dataset. */
export function ofClients(entries: LateUpdate[], clients: ClientPlace[]): LateUpdate[] {
  const datasets = new Map(clients.map(({ client, dataset }) => [client, dataset]));
  return entries.filter(({ client, dataset }) => datasets.get(client) === dataset);
}

/** Too old for the round that is open, and for every later one. */
export function tooStale(entries: LateUpdate[], { round, buffer }: OpenRound): LateUpdate[] {
  const { maxStaleness = Infinity } = buffer ?? {};
  return entries.filter((entry) => round - entry.round > maxStaleness);
}

/** Clients to be asked now. A refused one rests until the next round, since its answer would be the same. */
export function idle(selected: string[], entries: LateUpdate[], { refused }: OpenRound): string[] {
  const busy = new Set([...atWork(entries), ...refused].map(({ client }) => client));
  return selected.filter((client) => !busy.has(client));
}

/** Tells apart the tasks of one client from the same model: how many it has answered in the open round. */
export function turnOf(client: string, entries: LateUpdate[], round: number): number {
  return answered(entries).filter((entry) => entry.client === client && entry.round === round).length;
}

/** By client, then by age: whatever the order of arrival, the same updates give the same sum. */
export function bufferedUpdates({ round, buffered = [] }: OpenRound): CountedUpdate[] {
  const key = ({ client, round: of, turn = 0 }: LateUpdate): [string, number, number] => [client, of, turn];
  const inOrder = [...buffered].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    return one[0] === other[0] ? one[1] - other[1] || one[2] - other[2] : one[0] < other[0] ? -1 : 1;
  });
  return inOrder.flatMap(({ update, base, round: of }) => {
    if (update === undefined) return [];
    return [of === round ? update : { ...update, base, staleness: round - of }];
  });
}

/** Who is awaited, for people; `selected` are those who may be asked. */
export function waitingForBuffer(open: OpenRound, entries: LateUpdate[], selected: string[]): WaitingRun | undefined {
  const { round, refused, buffer } = open;
  const need = buffer?.size ?? 0;
  const have = answered(entries).length;
  if (have >= need) return undefined;
  const missing = atWork(entries).map(({ client }) => client);
  const who = missing.length === 0 ? '' : `; at work: ${listed(missing, ', ')}`;
  const problems = refused.map(({ client, problem }) => `client ${client} was refused: ${problem.message}`);
  const refusals = problems.length === 0 ? '' : `; ${listed(problems, '; ')}`;
  const message = `round ${round}: ${have} of ${need} updates are in the buffer${who}${refusals}`;
  const stuck = missing.length === 0 && idle(selected, entries, open).length === 0;
  return { reason: stuck ? 'QuorumLost' : 'Collecting', message, have, need, missing };
}
