import type { Role, ServiceView } from './state.ts';

/** How many replicas there should be: what the manifest says, or what the autoscaler of the node wants within its bounds. */
export function wantedReplicas({ own, desired }: ServiceView, role: Role): number {
  if (own.mode === 'stop') return 0;
  const { replicas, autoscaling } = desired.fields[role];
  if (autoscaling === undefined) return replicas;
  const { minReplicas = 1, maxReplicas } = autoscaling;
  const wish = own.sets[role].front?.replicas ?? replicas;
  return Math.min(maxReplicas, Math.max(minReplicas, wish));
}
