/** How requests go up the chain of a service with tiers. Pure. */
import { totals } from '../worker-set/counts.ts';
import { setOf, shortName } from './chain.ts';
import type { RoleStatus } from './status.ts';
import type { ServiceView } from './state.ts';

export interface TierStatus {
  name: string;
  ready: number;
  wanted: number;
  /** Absent where its workers count nothing. */
  requests?: number;
  hard?: number;
  ratio?: string;
}

/** Every set from the edge to the cloud; `chain` is the same in one line. */
export function chainOf({ own }: ServiceView, known: readonly RoleStatus[]): { tiers: TierStatus[]; chain: string } {
  const tiers = [...known].reverse().map(({ role, ready, wanted }): TierStatus => {
    const { inferenceNumber: requests, hardExampleNumber: hard } = totals(setOf(own, role).counts);
    const counted =
      typeof requests === 'number' && typeof hard === 'number'
        ? { requests, hard, ratio: (hard / Math.max(1, requests)).toFixed(4) }
        : {};
    return { name: shortName(role), ready, wanted, ...counted };
  });
  const chain = tiers.map(({ name, ratio }) => (ratio === undefined ? name : `${name} ${percent(ratio)}`)).join(' > ');
  return { tiers, chain };
}

function percent(ratio: string): string {
  return `${Math.round(Number(ratio) * 100)}%`;
}
