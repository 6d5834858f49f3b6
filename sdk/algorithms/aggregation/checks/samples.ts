import { refusal, type Refusal } from './refusal.ts';

export interface SamplePolicy {
  /** A client may claim so many times the samples that its dataset holds. */
  maxSamplesFactor?: number;
}

/** More than any node trains on in a round: where nobody knows what the client's dataset holds, a claim may still not be absurd. */
export const mostSamples = 1_000_000_000;

/** Samples weigh the update, so they must be a whole number from 1, and no more than the client's dataset can account for. */
export function checkSamples(
  samples: unknown,
  datasetSamples: number | undefined,
  policy: SamplePolicy,
): Refusal | undefined {
  if (typeof samples !== 'number' || !Number.isSafeInteger(samples) || samples < 1) {
    return refusal('BadSampleCount', `claims ${String(samples)} samples; a whole number from 1 is needed`);
  }
  if (policy.maxSamplesFactor === undefined || datasetSamples === undefined) {
    if (samples <= mostSamples) return undefined;
    return refusal(
      'TooManySamples',
      `claims ${samples} samples; without spec.updatePolicy.maxSamplesFactor ${mostSamples} are the most that count`,
    );
  }
  const most = policy.maxSamplesFactor * datasetSamples;
  if (samples <= most) return undefined;
  return refusal(
    'TooManySamples',
    `claims ${samples} samples; its dataset has ${datasetSamples}, and spec.updatePolicy.maxSamplesFactor allows ${most}`,
  );
}
