/** Which samples of a dataset train and which evaluate. Pure; shared by the planner and the local controller. */

/**
 * How far a job has used a dataset. The digest (SHA-256 over the first `samples` records) makes it self-verifying:
 * any local controller can tell whether the file is still the one that was counted. Empty: it is not known which samples they were.
 */
export interface Cursor {
  samples: number;
  digest: string;
  /** Digest over all but the last record, when that had no line end yet: it may have been completed since. */
  closedDigest?: string;
}

export const startCursor: Cursor = { samples: 0, digest: '' };

/** A contiguous range of samples, [from, to), taken for one round. */
export interface Take {
  from: number;
  to: Cursor;
  /** How many of them train. */
  trainSamples: number;
}

/** Evaluation sets that are judged with again in later rounds, as in the original. */
export const keptEvalSets = 5;

/** Sample i trains iff floor((i+1)·p) > floor(i·p): the original's split without its rounding per batch. */
export function trains(index: number, trainProb: number): boolean {
  return trainedUpTo(index + 1, trainProb) > trainedUpTo(index, trainProb);
}

/** Training samples among the first n. */
export function trainedUpTo(n: number, trainProb: number): number {
  return Math.floor(n * trainProb);
}

export function trainSamples(from: number, to: number, trainProb: number): number {
  return trainedUpTo(to, trainProb) - trainedUpTo(from, trainProb);
}
