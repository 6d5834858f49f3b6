/** Sums over the workers of a set that neither a restart nor a replacement sets back. Pure. */
import type { ServiceMetrics } from '../../../activities/contracts.ts';
import type { Counts } from './state.ts';

/** Numbers that cannot be added up. */
const notAdditive = /ratio|latency|mean|average|p\d\d/i;

export function count(counts: Counts, worker: string, news: ServiceMetrics): void {
  const before = counts.live[worker];
  // Another process begins from zero: what the one before has counted stays counted.
  if (before !== undefined && before.startedAt !== news.startedAt) add(counts.ended, before);
  counts.live[worker] = news;
}

/** The worker is gone. */
export function retire(counts: Counts, worker: string): void {
  const last = counts.live[worker];
  if (last === undefined) return;
  add(counts.ended, last);
  delete counts.live[worker];
}

/** Sums of what can be added up, and the last text of every other key. */
export function totals({ live, ended }: Counts): Record<string, number | string> {
  const sums: Record<string, number> = { ...ended };
  const texts: Record<string, string> = {};
  for (const metrics of Object.values(live)) {
    add(sums, metrics);
    for (const [key, value] of Object.entries(metrics.values)) if (typeof value === 'string') texts[key] = value;
  }
  return { ...texts, ...sums };
}

function add(sums: Record<string, number>, { values }: ServiceMetrics): void {
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === 'number' && Number.isFinite(value) && !notAdditive.test(key)) {
      sums[key] = (sums[key] ?? 0) + value;
    }
  }
}
