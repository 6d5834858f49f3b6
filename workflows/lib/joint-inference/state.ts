/** What a joint inference service remembers. */
import type { View } from '../kind.ts';
import type { Condition } from '../status.ts';
import { emptySet, type SetState } from '../worker-set/state.ts';
import type { JointInferenceServiceFields } from '../../../crds/fields.ts';

/** In the order in which they are started: the cloud's address is needed at the edge. */
export const roles = ['cloud', 'edge'] as const;
export type Role = (typeof roles)[number];

export interface JointInferenceState {
  startTime: string;
  mode: 'run' | 'pause' | 'stop';
  /** Placement by selector. */
  placed: Record<string, string>;
  sets: Record<Role, SetState>;
  /** Where the big model is reached, once known: an edge keeps it while the cloud is away. */
  cloudAddress?: { ip: string; port: string };
  /** It was waited for at the beginning, and did not come. */
  waited?: boolean;
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
