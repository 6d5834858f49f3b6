/** Accepted updates that the blob store has lost before they were aggregated. Their clients are asked again: each finds what it has made, or makes it again. Pure. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { updatesMissing } from '../failures.ts';
import type { LateUpdate, OpenRound } from './state.ts';

/** Times that a round is opened again for that; a store that loses them each time is to be mended by a person. */
export const lossesPerRound = 3;

/** SHA-256 of the updates; undefined for any other error. */
export function lostUpdates(error: unknown): string[] | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure) || cause.type !== updatesMissing) return undefined;
  return cause.details?.[0] as string[];
}

/** What the run ends with where it happens again and again. */
export function storeLosesThem(error: unknown): ApplicationFailure {
  const { message } = (error instanceof ActivityFailure && error.cause) || (error as Error);
  return ApplicationFailure.create({
    type: 'BlobStoreUnreachable',
    message: `${message}; their clients were asked again ${lossesPerRound} times`,
    nonRetryable: true,
  });
}

/** Opens a closed round again, without what is lost. Gives what goes back into the buffer, where there is one. */
export function reopen(round: OpenRound, lost: string[]): LateUpdate[] {
  const isThere = ({ blob }: { blob: { sha256: string } }): boolean => !lost.includes(blob.sha256);
  const kept = (entries: LateUpdate[] = []): LateUpdate[] =>
    entries.filter(({ update }) => update !== undefined && isThere(update));
  const back = kept(round.buffered);
  round.buffered = undefined;
  round.accepted = round.buffer === undefined ? round.accepted.filter(isThere) : [];
  // Who was at work when it closed was told to stop.
  if (round.late !== undefined) round.late = kept(round.late);
  return back;
}
