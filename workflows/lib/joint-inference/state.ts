/** What a joint inference service remembers. */
import type { View } from '../kind.ts';
import type { Condition } from '../status.ts';
import { emptySet, type SetState } from '../worker-set/state.ts';
import type { JointInferenceServiceFields } from '../../../crds/fields.ts';

export type TierRole = `tier-${string}`;
/** Of a worker set: the two ends that every service has, and what is between them. */
export type Role = 'cloud' | 'edge' | TierRole;

export interface Address {
  ip: string;
  port: string;
}

export interface JointInferenceState {
  startTime: string;
  mode: 'run' | 'pause' | 'stop';
  /** Placement by selector. */
  placed: Record<string, string>;
  /** A tier has one from the first plan on that knows of it, and until its workers are gone. */
  sets: Record<'cloud' | 'edge', SetState> & Record<TierRole, SetState | undefined>;
  /** Workers that tiers had which are gone: the same tier counts on from there. */
  bornBefore?: Record<string, number>;
  /** Where the big model is reached, once known: an edge keeps it while the cloud is away. */
  cloudAddress?: Address;
  /** The same of tiers; absent: there are none. */
  tierAddresses?: Record<TierRole, Address>;
  /** It was waited for at the beginning, and did not come. */
  waited?: boolean;
  tiersWaitedFor?: TierRole[];
  /** Sedna's own, oldest first. */
  conditions: Condition[];
  /** Nodes that may hold something of this service. */
  nodes: string[];
}

export type ServiceView = View<JointInferenceServiceFields, JointInferenceState>;

export function emptyService(): JointInferenceState {
  return {
    startTime: new Date().toISOString(),
    mode: 'run',
    placed: {},
    sets: { cloud: emptySet(), edge: emptySet() },
    conditions: [],
    nodes: [],
  };
}
