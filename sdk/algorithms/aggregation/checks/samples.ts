import { refusal, type Refusal } from './refusal.ts';

export interface SamplePolicy {
  /** A client may claim so many times the samples that its dataset holds. */
  maxSamplesFactor?: number;
}

/** Samples weigh the update, so they must be a whole number from 1, and no more than the client's dataset can account for. */
export function checkSamples(
  samples: unknown,
  datasetSamples: number | undefined,
  policy: SamplePolicy,
): Refusal | undefined {
  if (typeof samples !== 'number' || !Number.isSafeInteger(samples) || samples < 1) {
    return refusal('BadSampleCount', `claims ${String(samples)} samples; a whole number from 1 is needed`);
  }
  if (policy.maxSamplesFactor === undefined || datasetSamples === undefined) return undefined;
  const most = policy.maxSamplesFactor * datasetSamples;
  if (samples <= most) return undefined;
  return refusal(
    'TooManySamples',
    `claims ${samples} samples; its dataset has ${datasetSamples}, and spec.updatePolicy.maxSamplesFactor allows ${most}`,
  );
}
