import type { OnnxSamples } from '../samples.ts';
import { gather } from '../samples.ts';
import type { StepSessions } from './sessions.ts';

/** Rows per evaluation step: large enough to use the cores, small enough for any edge node's memory. */
const EVALUATION_BATCH = 256;

export interface Evaluation {
  /** Mean over all samples. */
  loss: number;
  /** Share of samples classified rightly, 0 for regression. */
  accuracy: number;
}

/** Judges the weights that the sessions' state holds. Samples must have been checked. */
export async function evaluateSamples(
  sessions: StepSessions,
  samples: OnnxSamples,
  signal?: AbortSignal,
): Promise<Evaluation> {
  const batch = Math.min(EVALUATION_BATCH, samples.count);
  let [loss, correct] = [0, 0];
  for (let start = 0; start < samples.count; start += batch) {
    signal?.throwIfAborted();
    const rows = Math.min(batch, samples.count - start);
    const session = await sessions.get(rows);
    gather(
      samples,
      Uint32Array.from({ length: rows }, (_, i) => start + i),
      session,
    );
    const result = await session.run();
    loss += result.loss * rows;
    correct += result.correct;
  }
  return { loss: loss / samples.count, accuracy: correct / samples.count };
}
