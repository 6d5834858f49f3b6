import type { KubeEvent } from '../../activities/contracts.ts';
import type { Desired, EntityState } from './desired.ts';
import type { EntityRef } from './ids.ts';
import type { ModelVersion, PeerState, Verb } from './messages.ts';
import type { Operation, Operations } from './operations.ts';
import type { StatusDraft } from './status.ts';

/** What a kind sees of its entity: desired state, peers, its own state (which it may change), and what goes on. */
export interface View<F, S> {
  readonly ref: EntityRef;
  readonly desired: Desired<F>;
  readonly own: S;
  readonly operations: Operations;
  /** What another entity last said; undefined until it answered. */
  peer(ref: EntityRef): PeerState | undefined;
  /** Says something that a person should know: a Kubernetes event, and the log. */
  emit(event: KubeEvent): void;
  /** Says in status, after the fact, that a verb could not be obeyed. */
  refuse(verb: Verb, message: string): void;
  /** Wakes the loop after own state changed outside a handler. */
  changed(): void;
}

/** A kind plugs in here. Only `kind`, `initial`, `plan` and `status` are needed. */
export interface EntityKind<F, S> {
  kind: string;
  initial(): S;
  /** Entities whose state this one follows. */
  needs?(view: View<F, S>): EntityRef[];
  /** What follows, in own state, from what is known by now. Called before `plan`, and again whenever something has changed: twice is as once. */
  advance?(view: View<F, S>): void;
  /** What should be going on now. Pure: decides only, the operations act. */
  plan(view: View<F, S>): Operation[];
  status(view: View<F, S>): StatusDraft;
  /** What subscribers are told. */
  published?(view: View<F, S>): unknown;
  /** Answer of the query `details`. */
  details?(view: View<F, S>): unknown;
  /** News of a resident activity (of which node) or a child run. */
  onObserved?(view: View<F, S>, slot: string, value: unknown, node?: string): void;
  /** Returns why the verb is refused, or nothing. Verbs that a kind does not know are refused by the frame. */
  onVerb?(view: View<F, S>, verb: Verb, argument: unknown): string | undefined;
  onVersion?(view: View<F, S>, version: ModelVersion): void;
  /** A new generation arrived. */
  onDesired?(view: View<F, S>, before: Desired<F> | undefined): void;
  /** What an entity without a memory takes over from the status that an earlier life of it has left in Kubernetes. */
  recalls?: { fields: readonly string[]; take(view: View<F, S>, status: Record<string, unknown>): void };
  /** Undoes what the entity did to the world, in order. Bounded by the frame. */
  teardown?(view: View<F, S>): Promise<void>;
}

export interface EntityInput<F = unknown, S = unknown> {
  ref: EntityRef;
  /** Present after continue-as-new. */
  state?: EntityState<F, S>;
}
