import { fieldsOf, setOf } from './chain.ts';
import type { Role, ServiceView } from './state.ts';

/** How many replicas there should be: what the manifest says, or what the autoscaler of the node wants within its bounds. */
export function wantedReplicas(view: ServiceView, role: Role): number {
  const { own } = view;
  if (own.mode === 'stop') return 0;
  const { replicas, autoscaling } = fieldsOf(view, role);
  if (autoscaling === undefined) return replicas;
  const { minReplicas = 1, maxReplicas } = autoscaling;
  const wish = setOf(own, role).front?.replicas ?? replicas;
  return Math.min(maxReplicas, Math.max(minReplicas, wish));
}
