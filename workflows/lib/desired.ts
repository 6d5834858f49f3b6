/** Desired state and how messages change it: generations, identities, delete-and-recreate. Pure. */
import type { BlobRef, KubeEvent } from '../../activities/contracts.ts';
import type { EntityRef } from './ids.ts';
import type { ApplyMessage, FieldError, Origin, PeerState } from './messages.ts';
import type { Transitions } from './status.ts';

export interface Desired<F> {
  origin: Origin;
  uid: string;
  generation: number;
  manifest?: BlobRef;
  fields: F;
  invalid?: FieldError[];
}

/** All that an entity must remember; the argument of continue-as-new. Plain JSON, a few kilobytes. */
export interface EntityState<F, S> {
  ref: EntityRef;
  desired?: Desired<F>;
  own: S;
  removing: boolean;
  /** Arrived while the predecessor of the same name is being torn down. */
  next?: ApplyMessage;
  /** Uid of an object that asked for removal before anybody applied it. */
  orphan?: string;
  subscribers: EntityRef[];
  /** Entities that this one follows. */
  peers: Record<string, { ref: EntityRef; asked: boolean; unwanted?: boolean; state?: PeerState }>;
  handledVerbs: Record<string, string>;
  refused?: { verb: string; message: string; time: string };
  sequence: number;
  status?: Record<string, unknown>;
  annotations: Record<string, string>;
  publishedDigest?: string;
  transitions: Transitions;
  events: KubeEvent[];
}

export function emptyEntity<F, S>(ref: EntityRef, own: S): EntityState<F, S> {
  return {
    ref,
    desired: undefined,
    own,
    removing: false,
    next: undefined,
    orphan: undefined,
    subscribers: [],
    peers: {},
    handledVerbs: {},
    refused: undefined,
    sequence: 0,
    status: undefined,
    annotations: {},
    publishedDigest: undefined,
    transitions: { rollups: {} },
    events: [],
  };
}

export type Verdict = { kind: 'accept'; desired: Desired<unknown> } | { kind: 'replace' } | { kind: 'ignore' };

/**
 * What an apply message means for what is desired now.
 * - Kubernetes: another uid is delete-and-recreate; an older or equal generation is nothing new.
 * - Standalone: the entity counts generations itself, one per new content.
 */
export function admit(before: Desired<unknown> | undefined, message: ApplyMessage, newUid: () => string): Verdict {
  const accept = (uid: string, generation: number): Verdict => ({
    kind: 'accept',
    desired: {
      origin: message.origin,
      uid,
      generation,
      ...(message.manifest === undefined ? {} : { manifest: message.manifest }),
      fields: message.fields ?? {},
      ...(message.invalid === undefined || message.invalid.length === 0 ? {} : { invalid: message.invalid }),
    },
  });
  if (message.uid !== undefined) {
    const generation = message.generation ?? 1;
    if (before === undefined) return accept(message.uid, generation);
    if (before.uid !== message.uid) return { kind: 'replace' };
    return generation > before.generation ? accept(message.uid, generation) : { kind: 'ignore' };
  }
  if (before === undefined) return accept(newUid(), 1);
  if (before.origin === 'kubernetes') return { kind: 'ignore' };
  return contentKey(before) === contentKey(message) ? { kind: 'ignore' } : accept(before.uid, before.generation + 1);
}

function contentKey(content: { manifest?: BlobRef; fields?: unknown }): string {
  return content.manifest?.sha256 ?? JSON.stringify(content.fields);
}
