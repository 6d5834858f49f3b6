/** What a run tells others: its job of every change and of its end, the Model of its versions. */
import { CancellationScope } from '@temporalio/workflow';
import { entityId, type Owner } from '../ids.ts';
import { signals, type ModelVersion } from '../messages.ts';
import { tell } from '../tell.ts';
import type { RunEnd, RunNews } from './state.ts';

export class Reports {
  readonly #owner: Owner;
  readonly #orphaned: () => void;
  readonly #scope = CancellationScope.current();
  #told = Promise.resolve();
  #sequence = 0;

  /** `orphaned`: called when the job is not there any more. Made in the scope of the run. */
  constructor(owner: Owner, orphaned: () => void) {
    this.#owner = owner;
    this.#orphaned = orphaned;
  }

  /** Resolves when the job has heard all news so far. */
  get told(): Promise<void> {
    return this.#told;
  }

  /** In order, one after the other; nobody waits for them but the end of the run. */
  news(of: (sequence: number) => RunNews): void {
    const message = { slot: 'run', uid: this.#owner.uid, value: of((this.#sequence += 1)) };
    // Of the run, not of the client whose answer is told: that one's scope ends with its round.
    const send = (): Promise<boolean> => this.#scope.run(() => tell(entityId(this.#owner), signals.observed, message));
    this.#told = this.#told.then(send).then(
      (isThere) => {
        if (!isThere) this.#orphaned();
      },
      () => undefined,
    );
  }

  /** The last word, after all others. The job has it also where it no longer follows this workflow. */
  async ended(value: RunEnd): Promise<void> {
    await this.#told;
    await tell(entityId(this.#owner), signals.observed, { slot: 'ended', uid: this.#owner.uid, value });
  }

  /** A Model that was deleted during the run: its versions are nobody's, the rounds go on. */
  async version(model: string, version: ModelVersion): Promise<void> {
    await tell(entityId({ kind: 'Model', namespace: this.#owner.namespace, name: model }), signals.addVersion, version);
  }
}
