/** The round with a step in front of it that the stored histories do not have. */
import { sleep } from '@temporalio/workflow';
import { incrementalRound as original } from '../../workflows/runs/incremental-round.ts';
import type { RoundInput, RoundOutcome } from '../../workflows/lib/incremental/state.ts';

export async function incrementalRound(input: RoundInput): Promise<RoundOutcome> {
  await sleep('1s');
  return original(input);
}
