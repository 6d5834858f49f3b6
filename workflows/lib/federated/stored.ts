/** Finished rounds that are kept: `reset` goes back to one, another job may start from one. Pure. */
import type { Problem } from '../failures.ts';
import { entityId } from '../ids.ts';
import type { FederatedState } from './job-state.ts';
import type { FederatedView } from './situation.ts';
import type { RoundRecord, RunState } from './state.ts';

/** What a FederatedLearningJob tells those that follow it. */
export interface PublishedRounds {
  initial?: RunState['initial'];
  rounds: Pick<RoundRecord, 'round' | 'weights' | 'file'>[];
}

export function published({ own }: FederatedView): PublishedRounds {
  const { initial, records } = own.run;
  return {
    ...(initial === undefined ? {} : { initial }),
    rounds: records.map(({ round, weights, file }) => ({ round, weights, ...(file === undefined ? {} : { file }) })),
  };
}

/** For people: "rounds 3 to 52". */
export function storedRounds(rounds: readonly { round: number }[]): string {
  const [first, last] = [rounds[0]?.round, rounds.at(-1)?.round];
  if (first === undefined || last === undefined) return 'no round is stored yet';
  return first === last ? `round ${first} is stored` : `rounds ${first} to ${last} are stored`;
}

/** What round 1 starts from where the manifest names a round of another job. Pinned once it is known, whatever becomes of that job. */
export function startOf(view: FederatedView): { start?: RunState['initial']; problem?: Problem; isUnknown?: boolean } {
  const { startFrom } = view.desired.fields;
  if (startFrom === undefined) return {};
  if (view.own.run.initial !== undefined) return { start: view.own.run.initial };
  const { job, round } = startFrom;
  const { kind, namespace, name } = view.ref;
  const fail = (message: string) => ({ problem: { reason: 'InvalidSpec', message: `spec.startFrom: ${message}` } });
  if (job === name) return fail(`a job cannot start from itself; sedna reset goes back to one of its rounds`);
  const peer = view.peer({ kind, namespace, name: job });
  if (peer === undefined) return { isUnknown: true };
  const other = peer.value as PublishedRounds | undefined;
  if (!peer.exists || other === undefined) {
    return fail(
      `${kind} ${namespace}/${job} does not exist, or its manifest is not valid; this goes on when it is there`,
    );
  }
  const start = round === 0 ? other.initial : other.rounds.find((record) => record.round === round);
  if (start !== undefined) {
    return { start: { weights: start.weights, ...(start.file === undefined ? {} : { file: start.file }) } };
  }
  return fail(`round ${round} of ${namespace}/${job} cannot be started from: ${storedRounds(other.rounds)}`);
}

/** Only until it is pinned. */
export function followsSource({ desired, own, ref }: FederatedView): boolean {
  const { startFrom } = desired.fields;
  return startFrom !== undefined && startFrom.job !== ref.name && own.run.initial === undefined;
}

/** Answer of the query `details`. */
export function details({ own, ref }: FederatedView): Record<string, unknown> {
  return { job: entityId(ref), epoch: own.epoch, ...detailsOf(own) };
}

function detailsOf({ run }: FederatedState) {
  return { ...(run.initial === undefined ? {} : { initial: run.initial }), rounds: run.records };
}
