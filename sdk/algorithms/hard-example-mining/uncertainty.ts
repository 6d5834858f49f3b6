import { isProbability, meanScore, normalisedEntropy, probabilities } from './miner.ts';

/**
 * How unsure a result is, 0 (sure) to 1: what is kept first when there is no room for all. Classes: their entropy as a share of its
 * maximum; boxes: 1 minus their mean score; anything else: 0.5.
 */
export function uncertainty(result: unknown): number {
  const classes = probabilities(result);
  if (classes) return classes.length > 1 ? Math.min(1, Math.max(0, normalisedEntropy(classes))) : 1 - (classes[0] ?? 0);
  const mean = meanScore(result);
  return isProbability(mean) ? 1 - mean : 0.5;
}
