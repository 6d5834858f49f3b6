/** When a round may close, and what it waits for. Pure. */
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import { bufferOf } from './buffer.ts';
import { atWork, standIns } from './late.ts';
import { listed } from './listing.ts';
import type { OpenRound, RunPlan, WaitingRun } from './state.ts';

type Rules = FederatedLearningJobFields['rounds'];

/** Accepted updates that a round of so many selected clients needs; all of them where the manifest says nothing. */
export function quorumOf(selected: number, { quorum }: Rules): number {
  const { minAvailable, fraction } = quorum ?? {};
  if (minAvailable === undefined && fraction === undefined) return selected;
  // 0.3 · 10 is 3.0000000000000004: a share that people would call exact must not be rounded up.
  const share = Math.ceil((fraction ?? 0) * selected - 1e-9);
  return Math.max(1, minAvailable ?? 0, share);
}

/** Clients that must be there before round 1: as the manifest says, else as many as a round needs. */
export function startingClients(clients: number, rules: Rules): number {
  return rules.minClientsToStart ?? Math.min(clients, quorumOf(clients, rules));
}

/** Clients that must be there before the next round. A buffer fills with those that there are. `minUpdates`: of the strategy. */
export function neededClients(
  { clients, fields }: Pick<RunPlan, 'clients' | 'fields'>,
  finishedRounds: number,
  minUpdates = 1,
): number {
  const { rounds } = fields;
  if (bufferOf(fields) !== undefined) return finishedRounds === 0 ? (rounds.minClientsToStart ?? 1) : 1;
  const most = mostPerRound(clients.length, fields);
  const least = Math.min(most, Math.max(minUpdates, finishedRounds === 0 ? 0 : quorumOf(most, rounds)));
  return finishedRounds === 0 ? Math.max(least, startingClients(most, rounds)) : least;
}

/** Why no round can ever have as many updates as its strategy needs. */
export function tooFewFor(
  { clients, fields }: Pick<RunPlan, 'clients' | 'fields'>,
  minUpdates: number,
): string | undefined {
  const most = mostPerRound(clients.length, fields);
  if (minUpdates <= most) return undefined;
  const cause = most < clients.length ? 'spec.clientSelection.perRound allows' : 'spec.trainingWorkers are';
  return `spec.aggregation: ${fields.aggregation.strategy} with these parameters needs ${minUpdates} updates a round; ${cause} ${most}`;
}

/** Of clients that were chosen for a round: how many it needs, where it can never have so many updates. */
export function missedBy(
  selected: readonly string[],
  { fields }: Pick<RunPlan, 'fields'>,
  minUpdates: number,
): number | undefined {
  const quorum = bufferOf(fields) === undefined ? quorumOf(selected.length, fields.rounds) : 1;
  const need = Math.max(1, minUpdates, quorum);
  return selected.length < need ? need : undefined;
}

/** Accepted updates that this round needs. */
function needOf({ selected, minUpdates = 1 }: OpenRound, rules: Rules): number {
  return Math.max(minUpdates, quorumOf(selected.length, rules));
}

/** Clients that a round of a job of so many can have. */
export function mostPerRound(clients: number, { selection }: Pick<FederatedLearningJobFields, 'selection'>): number {
  const { strategy, perRound = clients } = selection;
  return strategy === 'All' ? clients : Math.min(clients, perRound);
}

/** `close`: aggregate now. `open`: more may come. `lost`: nothing more comes by itself, or the deadline has passed. */
export function verdictOn(round: OpenRound, rules: Rules, now: number): 'close' | 'open' | 'lost' {
  const { selected, accepted, refused, deadlineAt } = round;
  const answered = accepted.length + refused.length;
  const enough = accepted.length + standIns(round).length >= needOf(round, rules);
  const late = deadlineAt !== undefined && now >= deadlineAt;
  if (answered >= selected.length || late) return enough ? 'close' : 'lost';
  return 'open';
}

/** Who has not answered or was refused, for people. */
export function waitingFor(round: OpenRound, rules: Rules, now: number): WaitingRun | undefined {
  const { selected, accepted, refused } = round;
  const verdict = verdictOn(round, rules, now);
  if (verdict === 'close') return undefined;
  const need = needOf(round, rules);
  const credits = standIns(round);
  const have = accepted.length + credits.length;
  const done = new Set(accepted.map(({ client }) => client));
  const missing = selected.filter((client) => !done.has(client));
  const refusals = refused.map(({ client, problem }) => `client ${client} was refused: ${problem.message}`);
  const late = [
    ...credits.map((entry) => `client ${entry.client} counts with its update of round ${entry.round}`),
    ...atWork(round.late).map((entry) => `client ${entry.client} is still at round ${entry.round}`),
  ];
  const said = [...late, ...refusals];
  const more = said.length === 0 ? '' : `; ${listed(said, '; ')}`;
  const who = `${have} of ${need} updates; missing: ${listed(missing, ', ')}${more}`;
  if (verdict === 'open') return { reason: 'Collecting', message: `round ${round.round}: ${who}`, have, need, missing };
  const why =
    round.deadlineAt !== undefined && now >= round.deadlineAt ? 'its deadline has passed' : 'all have answered';
  return { reason: 'QuorumLost', message: `round ${round.round}: ${why}, but ${who}`, have, need, missing };
}
