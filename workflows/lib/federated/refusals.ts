/** How many updates must not count, and why. Pure. */
import type { Refusal } from './state.ts';

/** By reason, with those that were counted before. */
export function countByReason(counted: Record<string, number> = {}, refusals: Refusal[]): Record<string, number> {
  const counts = { ...counted };
  for (const { problem } of refusals) counts[problem.reason] = (counts[problem.reason] ?? 0) + 1;
  return counts;
}
