import { z } from 'zod';
import { dnsName } from './names.ts';

/** The dataset of a learning loop and how much of it trains. */
export const learningDataset = () =>
  z.strictObject({
    name: dnsName().describe('Name of the Dataset.'),
    trainProb: z
      .number()
      .min(0, 'must be between 0 and 1')
      .max(1, 'must be between 0 and 1')
      .describe('Fraction of the new samples that trains; the others evaluate.'),
  });
