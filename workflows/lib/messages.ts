/**
 * The wire contract of every entity. Names are forever: a rename breaks running workflows and people's habits.
 * Plain strings and types, so that the watcher, the CLI and the activities share them without loading workflow code.
 */
import type { BlobRef } from '../../activities/contracts.ts';
import type { EntityRef } from './ids.ts';
import type { Problem } from './failures.ts';

export const signals = {
  apply: 'apply',
  remove: 'remove',
  subscribe: 'subscribe',
  unsubscribe: 'unsubscribe',
  changed: 'changed',
  observed: 'observed',
  addVersion: 'addVersion',
} as const;

/** What people say; each is also a signal of that name and an annotation `sedna.io/<verb>`. */
export const verbs = ['trigger', 'pause', 'resume', 'stop', 'retry', 'approve', 'reject', 'reset'] as const;
export type Verb = (typeof verbs)[number];

export const verbAnnotation = (verb: Verb): string => `sedna.io/${verb}`;

export const statusQuery = 'status';
/** What a kind knows beyond its status, in a form of its own; null where there is nothing. */
export const detailsQuery = 'details';
/** Which entities follow this one. */
export const subscribersQuery = 'subscribers';

export const searchAttributes = {
  kind: 'SednaKind',
  namespace: 'SednaNamespace',
  name: 'SednaName',
  node: 'SednaNode',
  phase: 'SednaPhase',
} as const;

/** Of an entity that nobody has applied. */
export const absentPhase = 'Absent';

export type Origin = 'kubernetes' | 'standalone';

export interface FieldError {
  /** Path into the manifest: `spec.dataset.trainProb`. */
  path: string;
  message: string;
}

/** Desired state. Kubernetes sends uid and generation; standalone sends neither and the entity assigns both. */
export interface ApplyMessage {
  origin: Origin;
  uid?: string;
  generation?: number;
  manifest?: BlobRef;
  /** What the kind plans with (`crds/fields.ts`); absent when the manifest is invalid. */
  fields?: unknown;
  invalid?: FieldError[];
  /** Values of the verb annotations. The entity acts once per new value. */
  verbs?: Partial<Record<Verb, string>>;
  /**
   * Values that the entity has acted upon, as its object's status says where the sender saw the annotations: an earlier life's are taken
   * over, and annotations that were seen before the last one was acted upon do nothing.
   */
  handled?: Record<string, string>;
}

export interface RemoveMessage {
  uid?: string;
}

/** What an entity tells its subscribers. `exists: false` while nobody has applied its object. */
export interface PeerState {
  ref: EntityRef;
  exists: boolean;
  uid?: string;
  /** The kind's own part; see `published` of each kind. */
  value?: unknown;
}

/** News from a resident activity or a child run: always the complete value, so losing or repeating one is harmless. */
export interface ObservedMessage {
  slot: string;
  uid: string;
  value: unknown;
  /** Of a node: which one. It may not yet have heard that it is asked no longer. */
  node?: string;
}

export type VersionStage = 'candidate' | 'live' | 'retired';

/** One produced model: an immutable blob with what is known of it. Adding the same digest again updates it. */
export interface ModelVersion {
  sha256: string;
  uri: string;
  bytes: number;
  format: string;
  stage: VersionStage;
  metrics?: Record<string, number[]>;
  lineage: { job: string; round: number; samples: number; dataset: string; base?: string };
  createdAt: string;
}

/** Answer of the query `status`: the object as `kubectl get -o json` would show it, without the spec (that is in the manifest blob). */
export interface EntityView {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; uid?: string; generation?: number; creationTimestamp?: string };
  origin: Origin;
  exists: boolean;
  manifest?: BlobRef;
  status: Record<string, unknown>;
  problem?: Problem;
}

/** What a job tells its rounds: go on, wait after the running step, or end there. */
export const modes = ['run', 'pause', 'stop'] as const;
export type Mode = (typeof modes)[number];
