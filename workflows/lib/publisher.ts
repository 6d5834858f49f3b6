/** Publishes the derived status: numbers it, keeps it for the query, writes it to Kubernetes when it changed. */
import { defineSearchAttributeKey } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import { control } from './activities.ts';
import type { EntityState } from './desired.ts';
import { absentPhase, searchAttributes } from './messages.ts';
import type { Operation } from './operations.ts';
import { deriveStatus, type StatusDraft } from './status.ts';

type Published = Pick<
  EntityState<unknown, unknown>,
  'ref' | 'sequence' | 'status' | 'annotations' | 'publishedDigest' | 'transitions' | 'events' | 'handledVerbs'
>;

const phaseAttribute = defineSearchAttributeKey(searchAttributes.phase, 'KEYWORD');

export class Publisher {
  readonly #state: Published;
  /** Last sequence that reached Kubernetes in this run of the workflow; a new run writes once. */
  #written = -1;

  constructor(state: Published) {
    this.#state = state;
  }

  /** Somebody may not know it, or may have changed it. */
  repeat(): void {
    this.#written = -1;
  }

  /** The object is gone. */
  forget(): void {
    this.repeat();
    upsertSearchAttributes([{ key: phaseAttribute, value: absentPhase }]);
  }

  /** True: an earlier life of this entity has numbered the object's status up to here; a lower number would count as late. */
  continueFrom(sequence: number): boolean {
    if (sequence <= this.#state.sequence) return false;
    this.#state.sequence = sequence;
    this.#state.publishedDigest = undefined;
    return true;
  }

  publish(draft: StatusDraft, generation: number): void {
    const state = this.#state;
    const { status, transitions } = deriveStatus(draft, state.transitions, {
      ref: state.ref,
      generation,
      handledVerbs: state.handledVerbs,
      now: new Date().toISOString(),
    });
    const digest = JSON.stringify([status, draft.annotations]);
    if (digest === state.publishedDigest && state.events.length === 0) return;
    if (state.status?.['phase'] !== draft.phase) {
      upsertSearchAttributes([{ key: phaseAttribute, value: draft.phase }]);
    }
    state.transitions = transitions;
    state.publishedDigest = digest;
    state.sequence += 1;
    state.status = { ...status, sequence: state.sequence };
    state.annotations = draft.annotations ?? {};
    const { waiting } = transitions;
    setCurrentDetails(
      `**${draft.phase}** (generation ${generation})` +
        (waiting === undefined ? '' : `\n\nwaits since ${waiting.since}: **${waiting.reason}** ${waiting.message}`),
    );
  }

  operations(uid: string): Operation[] {
    const state = this.#state;
    if (this.#written >= state.sequence && state.events.length === 0) return [];
    const run = async (): Promise<void> => {
      const { ref, sequence, status = {}, annotations, events } = state;
      state.events = [];
      const summary = `status ${sequence}: ${String(status['phase'])}`;
      await control(summary).writeStatus({ ref, uid, status, annotations, events });
      this.#written = sequence;
    };
    return [{ slot: 'status', key: 'status', run, uninterruptible: true }];
  }
}
