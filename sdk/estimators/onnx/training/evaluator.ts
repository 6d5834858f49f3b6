import { Mean } from './mean.ts';
import type { Averages } from './mean.ts';
import type { BatchSource } from './batch-source.ts';
import type { StepSessions } from './sessions.ts';

/** Rows per evaluation step: large enough to use the cores, small enough for any edge node's memory. */
const EVALUATION_BATCH = 256;

/** Judges the weights that the sessions' state holds. */
export async function evaluateSource(
  sessions: StepSessions,
  source: BatchSource,
  signal?: AbortSignal,
): Promise<Averages> {
  const batchSize = Math.min(EVALUATION_BATCH, source.count);
  const mean = new Mean();
  for await (const batch of source.inOrder({ batchSize, from: 0, signal })) {
    signal?.throwIfAborted();
    const session = await sessions.get(batch.rows);
    batch.copyTo(session);
    mean.add(await session.run(), batch.rows);
  }
  return mean.result();
}
