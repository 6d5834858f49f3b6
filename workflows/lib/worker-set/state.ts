/** What a workflow remembers of one set of equal workers. Types only, but for the empty one; plain JSON. */
import type {
  FrontObservation,
  ModelVerdict,
  ServiceMetrics,
  WorkerObservation,
  WorkerSpec,
} from '../../../activities/contracts.ts';

export interface Member {
  name: string;
  revision: number;
  /** What its node last said of it. */
  seen?: WorkerObservation;
  draining?: boolean;
}

/** What the replicas of one revision are started as; the newest one is wanted. */
export interface Revision {
  /** Equal for equal workers. */
  digest: string;
  worker: RevisionWorker;
}

export type RevisionWorker = Omit<WorkerSpec, 'name' | 'revision'>;

export interface SetState {
  /** Where it is; absent: nowhere yet. */
  node?: string;
  /** The newest; 0: none yet. */
  revision: number;
  revisions: Record<string, Revision>;
  members: Member[];
  /** Members ever, which numbers their names. */
  born: number;
  front?: FrontObservation;
  /** Whether the model that is wanted fits the node; `key` says which of both. */
  verdict?: ModelVerdict & { key: string };
  /** Something must be known before it can change to what is wanted. */
  pending?: boolean;
  /** What it has left behind on nodes that it has moved away from. */
  left: { node: string; workers: string[] }[];
  counts: Counts;
}

export interface Counts {
  /** By member. */
  live: Record<string, ServiceMetrics>;
  /** Sums of processes that have ended. */
  ended: Record<string, number>;
}

export function emptySet(): SetState {
  return { revision: 0, revisions: {}, members: [], born: 0, left: [], counts: { live: {}, ended: {} } };
}
