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
  /** The newest generation is not valid: fields and manifest are those of the last one that was. */
  rejected?: Rejected;
  /** RFC 3339; of a standalone object, whose creation nobody else remembers. */
  createdAt?: string;
}

export interface Rejected {
  /** Generation that is still acted on. */
  actsOn: number;
  invalid: FieldError[];
  manifest?: BlobRef;
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
 * - An edit that is not valid is observed and said in status, and the last valid generation goes on being acted on.
 */
export function admit(before: Desired<unknown> | undefined, message: ApplyMessage, newUid: () => string): Verdict {
  const accept = (uid: string, generation: number): Verdict => {
    const { invalid = [], manifest } = message;
    if (before !== undefined && before.invalid === undefined && invalid.length > 0) {
      const actsOn = before.rejected?.actsOn ?? before.generation;
      const rejected = { actsOn, invalid, ...(manifest === undefined ? {} : { manifest }) };
      return { kind: 'accept', desired: { ...before, generation, rejected } };
    }
    return { kind: 'accept', desired: composed(message, uid, generation) };
  };
  if (message.uid !== undefined) {
    const generation = message.generation ?? 1;
    if (before === undefined) return accept(message.uid, generation);
    if (before.uid !== message.uid) return { kind: 'replace' };
    const isNews =
      generation > before.generation || (generation === before.generation && isPlannedNow(before, message));
    return isNews ? accept(message.uid, generation) : { kind: 'ignore' };
  }
  if (before === undefined) return accept(newUid(), 1);
  if (before.origin === 'kubernetes') return { kind: 'ignore' };
  if (isPlannedNow(before, message)) return accept(before.uid, before.generation);
  return contentKey({ ...before, ...before.rejected }) === contentKey(message)
    ? { kind: 'ignore' }
    : accept(before.uid, before.generation + 1);
}

function composed(message: ApplyMessage, uid: string, generation: number): Desired<unknown> {
  const { origin, manifest, fields = {}, invalid = [] } = message;
  return {
    origin,
    uid,
    generation,
    ...(manifest === undefined ? {} : { manifest }),
    fields,
    ...(invalid.length === 0 ? {} : { invalid }),
  };
}

/** Taken in by a release whose workflows did not know its kind yet: the same generation now comes with what to plan with. */
function isPlannedNow(before: Desired<unknown>, { fields }: ApplyMessage): boolean {
  const isEmpty = (value: unknown): boolean => Object.keys(value ?? {}).length === 0;
  return before.invalid === undefined && isEmpty(before.fields) && !isEmpty(fields);
}

function contentKey(content: { manifest?: BlobRef; fields?: unknown }): string {
  return content.manifest?.sha256 ?? JSON.stringify(content.fields);
}
