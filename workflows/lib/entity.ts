/**
 * The frame of every entity, written once: observe → plan (pure) → execute → status.
 * Handlers only change state and mark it dirty; one loop reconciles. Everything that must outlive a run is in EntityState,
 * which is the argument of continue-as-new.
 */
import {
  CancellationScope,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  log,
  setHandler,
  uuid4,
  workflowInfo,
  type SignalDefinition,
} from '@temporalio/workflow';
import { control } from './activities.ts';
import { admit, emptyEntity, type Desired, type EntityState } from './desired.ts';
import { onSignal } from './heeding.ts';
import { entityId, type EntityRef } from './ids.ts';
import type { EntityInput, EntityKind, View } from './kind.ts';
import {
  detailsQuery,
  signals,
  statusQuery,
  subscribersQuery,
  verbs,
  type ApplyMessage,
  type EntityView,
  type ModelVersion,
  type ObservedMessage,
  type PeerState,
  type RemoveMessage,
  type Verb,
} from './messages.ts';
import { viewOf } from './entity-view.ts';
import { Operations, type Operation } from './operations.ts';
import { Peers } from './peers.ts';
import { Publisher } from './publisher.ts';
import { invalidDraft, rejectedDraft, rejectedMessage, type StatusDraft } from './status.ts';
import { dueVerbs } from './verbs.ts';

const applySignal = defineSignal<[ApplyMessage]>(signals.apply);
const removeSignal = defineSignal<[RemoveMessage?]>(signals.remove);
const subscribeSignal = defineSignal<[EntityRef]>(signals.subscribe);
const unsubscribeSignal = defineSignal<[EntityRef]>(signals.unsubscribe);
const changedSignal = defineSignal<[PeerState]>(signals.changed);
const observedSignal = defineSignal<[ObservedMessage]>(signals.observed);
const versionSignal = defineSignal<ModelVersion[]>(signals.addVersion);
const viewQuery = defineQuery<EntityView>(statusQuery);

/** Bound of a kind's teardown: an edge that is away cleans up by itself when it comes back. */
const teardownBound = '20s';

export type { EntityInput, EntityKind, View } from './kind.ts';

export async function runEntity<F, S>(kind: EntityKind<F, S>, input: EntityInput<F, S>): Promise<void> {
  await new Entity(kind, input).run();
}

class Entity<F, S> {
  readonly #kind: EntityKind<F, S>;
  readonly #state: EntityState<F, S>;
  readonly #operations: Operations;
  readonly #peers: Peers;
  readonly #publisher: Publisher;
  #dirty = true;
  #adopted = false;

  constructor(kind: EntityKind<F, S>, input: EntityInput<F, S>) {
    this.#kind = kind;
    this.#state = input.state ?? emptyEntity(input.ref, kind.initial());
    this.#operations = new Operations(() => (this.#dirty = true));
    this.#peers = new Peers(this.#state, () => (this.#dirty = true));
    this.#publisher = new Publisher(this.#state);
    this.#handleSignals();
  }

  async run(): Promise<void> {
    try {
      await this.#loop();
    } catch (error) {
      if (!isCancellation(error)) throw error;
      // Cancelling the workflow is the operator's emergency lever: same way out, without waiting for a message.
      await CancellationScope.nonCancellable(() => this.#tearDown());
    }
  }

  async #loop(): Promise<void> {
    for (;;) {
      await condition(() => this.#dirty || this.#shouldContinueAsNew());
      if (this.#shouldContinueAsNew()) await this.#continueAsNew();
      this.#dirty = false;
      if (this.#state.removing) {
        await this.#tearDown();
        if (this.#isUnneeded()) return;
        continue;
      }
      if (this.#isUnneeded()) return;
      this.#reconcile();
    }
  }

  /** Nobody applied the object and nobody waits for it. */
  #isUnneeded(): boolean {
    const { desired, next, subscribers } = this.#state;
    return desired === undefined && next === undefined && subscribers.length === 0;
  }

  #reconcile(): void {
    const view = this.#view();
    if (view === undefined) {
      this.#peers.notify(this.#peerState());
      this.#operations.reconcile(this.#peers.operations());
      return;
    }
    const own: Operation[] = [];
    const { uid } = this.#state.next ?? {};
    if (uid !== undefined) own.push({ slot: 'replace', key: uid, run: () => this.#replace(uid) });
    if (view.desired.origin === 'kubernetes' && !this.#adopted) {
      own.push({ slot: 'adopt', key: view.desired.uid, run: () => this.#adopt(view.desired.uid) });
    } else if (view.desired.invalid === undefined) {
      this.#peers.need(this.#kind.needs?.(view) ?? []);
      this.#kind.advance?.(view);
      own.push(...this.#kind.plan(view));
    }
    this.#publisher.publish(this.#draft(view), view.desired.generation);
    this.#peers.notify(this.#peerState());
    this.#operations.reconcile([...own, ...this.#peers.operations(), ...this.#statusOperations(view.desired)]);
  }

  #view(): View<F, S> | undefined {
    const state = this.#state;
    const { desired, own, ref } = state;
    if (desired === undefined) return undefined;
    return {
      ref,
      // Operations outlive edits that do not concern them: what they decide at their end is decided on the newest generation.
      get desired() {
        return state.desired?.uid === desired.uid ? state.desired : desired;
      },
      own,
      operations: this.#operations,
      peer: (other) => this.#state.peers[entityId(other)]?.state,
      emit: (event) => {
        log.info(event.message, { reason: event.reason });
        if (desired.origin === 'kubernetes') this.#state.events = [...this.#state.events, event].slice(-20);
      },
      refuse: (verb, message) => this.#refuse(verb, message),
      changed: () => (this.#dirty = true),
    };
  }

  // --- status -------------------------------------------------------------------------------------------------------

  #draft(view: View<F, S>): StatusDraft {
    const { invalid, rejected, generation } = view.desired;
    const valid = invalid === undefined ? this.#kind.status(view) : invalidDraft(invalid);
    const draft = rejected === undefined ? valid : rejectedDraft(valid, generation, rejected);
    const refused = this.#state.refused;
    return refused === undefined ? draft : { ...draft, fields: { ...draft.fields, refused } };
  }

  async #adopt(uid: string): Promise<void> {
    const { recalls } = this.#kind;
    const input = { ref: this.#state.ref, uid, ...(recalls === undefined ? {} : { recall: recalls.fields }) };
    const { exists, sequence = 0, recalled = {} } = await control('finalizer').adopt(input);
    if (this.#state.desired?.uid !== uid) return;
    if (exists) {
      if (this.#publisher.continueFrom(sequence)) this.#withView((view) => recalls?.take(view, recalled));
      this.#adopted = true;
    } else this.#state.removing = true;
  }

  /** Another object of this name was applied. That may be said late, and of one that was there before: only what is there now takes over. */
  async #replace(uid: string): Promise<void> {
    const { exists } = await control('finalizer').adopt({ ref: this.#state.ref, uid });
    if (this.#state.next?.uid !== uid) return;
    if (exists) this.#state.removing = true;
    else this.#state.next = undefined;
  }

  #statusOperations({ origin, uid }: Desired<F>): Operation[] {
    return origin === 'kubernetes' && this.#adopted ? this.#publisher.operations(uid) : [];
  }

  #peerState(): PeerState {
    const view = this.#view();
    if (view === undefined || this.#state.removing) return { ref: this.#state.ref, exists: false };
    const value = view.desired.invalid === undefined ? this.#kind.published?.(view) : undefined;
    return { ref: this.#state.ref, exists: true, uid: view.desired.uid, value };
  }

  // --- the end ------------------------------------------------------------------------------------------------------

  async #tearDown(): Promise<void> {
    const view = this.#view();
    await this.#operations.stopAll();
    if (view !== undefined) {
      await this.#bounded(async () => {
        if (view.desired.invalid === undefined) await this.#kind.teardown?.(view);
        await this.#peers.leave();
      });
      if (view.desired.origin === 'kubernetes') {
        await control('drop finalizer').release({ ref: this.#state.ref, uid: view.desired.uid });
      }
    } else if (this.#state.orphan !== undefined) {
      await control('drop finalizer').release({ ref: this.#state.ref, uid: this.#state.orphan });
    }
    this.#reset();
  }

  async #bounded(work: () => Promise<void>): Promise<void> {
    try {
      await CancellationScope.withTimeout(teardownBound, work);
    } catch (error) {
      log.warn('teardown did not finish in time; the nodes clean up by themselves', { error: String(error) });
    }
  }

  /** Back to Absent; a re-created object that arrived meanwhile takes over, subscribers are told. */
  #reset(): void {
    const { ref, subscribers, next } = this.#state;
    Object.assign(this.#state, emptyEntity<F, S>(ref, this.#kind.initial()), { subscribers });
    this.#adopted = false;
    this.#publisher.forget();
    this.#dirty = true;
    if (next !== undefined) this.#apply(next);
  }

  #shouldContinueAsNew(): boolean {
    return workflowInfo().continueAsNewSuggested && !this.#state.removing && !this.#operations.hasUninterruptible;
  }

  async #continueAsNew(): Promise<never> {
    await this.#operations.stopAll();
    await condition(allHandlersFinished);
    return continueAsNew({ ref: this.#state.ref, state: this.#state });
  }

  // --- messages -----------------------------------------------------------------------------------------------------

  #handleSignals(): void {
    const on = <A extends unknown[]>(
      signal: SignalDefinition<A>,
      description: string,
      act: (...args: A) => void,
    ): void =>
      onSignal(signal, description, (...args: A) => {
        this.#dirty = true;
        act(...args);
      });
    setHandler(viewQuery, () => viewOf(this.#state), { description: 'The whole derived status' });
    setHandler(defineQuery<unknown>(detailsQuery), () => this.#details(), {
      description: 'More than the status holds',
    });
    setHandler(defineQuery<EntityRef[]>(subscribersQuery), () => this.#state.subscribers, {
      description: 'Which entities follow this one',
    });
    on(applySignal, 'Desired state of the object', (message) => this.#apply(message));
    on(removeSignal, 'Tear down and end', (message?: RemoveMessage) => this.#remove(message ?? {}));
    on(subscribeSignal, 'Another entity follows this one', (from) => this.#peers.subscribe(from));
    on(unsubscribeSignal, 'It no longer does', (from) => this.#peers.unsubscribe(from));
    on(changedSignal, 'News of an entity that this one follows', (peer) => this.#peers.learn(peer));
    on(observedSignal, 'News from a node or a run', (message) => this.#observe(message));
    on(versionSignal, 'Versions of a model', (...versions) => {
      this.#withView((view) => versions.forEach((version) => this.#kind.onVersion?.(view, version)));
    });
    for (const verb of verbs) {
      on(defineSignal<[unknown?]>(verb), `Somebody says ${verb}`, (argument?: unknown) => this.#say(verb, argument));
    }
  }

  #details(): unknown {
    const view = this.#view();
    return view === undefined || view.desired.invalid !== undefined ? null : (this.#kind.details?.(view) ?? null);
  }

  #withView(act: (view: View<F, S>) => void): void {
    const view = this.#view();
    if (view !== undefined) act(view);
  }

  #apply(message: ApplyMessage): void {
    const state = this.#state;
    const before = state.desired;
    const verdict = admit(before, message, uuid4);
    // Said before its object was deleted, heard after: there is nothing to come back to.
    if (state.removing && message.uid !== undefined && message.uid === before?.uid) return;
    if (verdict.kind === 'replace' || state.removing) {
      state.next = message;
      return;
    }
    if (verdict.kind === 'accept') this.#accept(verdict.desired as Desired<F>, before, message);
    const { due, isBehind } = dueVerbs(message, state.handledVerbs);
    if (isBehind) this.#publisher.repeat();
    for (const [verb, value] of due) {
      state.handledVerbs = { ...state.handledVerbs, [verb]: value };
      this.#say(verb, { value });
    }
  }

  #accept(desired: Desired<F>, before: Desired<F> | undefined, { origin, handled }: ApplyMessage): void {
    const state = this.#state;
    const createdAt = before?.createdAt ?? new Date().toISOString();
    state.desired = { ...desired, ...(origin === 'standalone' ? { createdAt } : {}) };
    if (before === undefined) state.handledVerbs = { ...handled };
    const { rejected, generation } = desired;
    if (rejected !== undefined) {
      // Nothing that goes on has changed, so nothing is begun anew.
      const message = rejectedMessage(generation, rejected);
      this.#withView((view) => view.emit({ type: 'Warning', reason: 'InvalidSpec', message }));
      return;
    }
    this.#operations.clearFailures();
    this.#withView((view) => this.#kind.onDesired?.(view, before));
  }

  #remove(message: RemoveMessage): void {
    const { desired } = this.#state;
    if (desired === undefined) {
      // Started by the removal itself: somebody must still drop the finalizer.
      this.#state.orphan = message.uid;
      this.#state.removing = message.uid !== undefined;
    } else if (message.uid === undefined || message.uid === desired.uid) {
      this.#state.removing = true;
      this.#state.next = undefined;
    } else if (message.uid === this.#state.next?.uid) this.#state.next = undefined;
  }

  #observe(message: ObservedMessage): void {
    if (message.uid !== this.#state.desired?.uid) return;
    this.#withView((view) => this.#kind.onObserved?.(view, message.slot, message.value, message.node));
  }

  #say(verb: Verb, argument: unknown): void {
    const view = this.#view();
    if (view === undefined) return;
    const retried = verb === 'retry' && this.#operations.clearFailures();
    const refusal = this.#kind.onVerb?.(view, verb, argument) ?? this.#unknownVerb(verb);
    if (refusal === undefined || retried) this.#state.refused = undefined;
    else this.#refuse(verb, refusal);
  }

  #refuse(verb: Verb, message: string): void {
    this.#state.refused = { verb, message, time: new Date().toISOString() };
    this.#withView((view) => view.emit({ type: 'Warning', reason: 'Refused', message: `${verb}: ${message}` }));
    this.#dirty = true;
  }

  #unknownVerb(verb: Verb): string | undefined {
    return this.#kind.onVerb === undefined && verb !== 'retry' ? `a ${this.#kind.kind} knows no ${verb}` : undefined;
  }
}
