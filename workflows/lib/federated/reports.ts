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
  #waiting: RunNews[] = [];
  #told: Promise<void> | undefined;
  #sequence = 0;

  /** `orphaned`: called when the job is not there any more. Made in the scope of the run. */
  constructor(owner: Owner, orphaned: () => void) {
    this.#owner = owner;
    this.#orphaned = orphaned;
  }

  /** Resolves when the job has heard all news so far. */
  get told(): Promise<void> {
    return this.#told ?? Promise.resolve();
  }

  /**
   * In order, one at a time; nobody waits for them but the end of the run. News are the state of things: what waits while others are
   * under way makes room for newer ones of the same round. So however many clients answer at once, the job hears of it a few times.
   */
  news(of: (sequence: number) => RunNews): void {
    const value = of((this.#sequence += 1));
    const newest = this.#waiting.at(-1);
    if (newest !== undefined && isOutdated(newest, value)) this.#waiting.pop();
    this.#waiting.push(value);
    // Of the run, not of the client whose answer is told: that one's scope ends with its round.
    this.#told ??= this.#scope.run(() => this.#tellAll()).catch(() => undefined);
  }

  async #tellAll(): Promise<void> {
    try {
      for (let value = this.#waiting.shift(); value !== undefined; value = this.#waiting.shift()) {
        const message = { slot: 'run', uid: this.#owner.uid, value };
        if (!(await tell(entityId(this.#owner), signals.observed, message))) this.#orphaned();
      }
    } finally {
      this.#told = undefined;
    }
  }

  /** The last word, after all others. The job has it also where it no longer follows this workflow. */
  async ended(value: RunEnd): Promise<void> {
    await this.told;
    await tell(entityId(this.#owner), signals.observed, { slot: 'ended', uid: this.#owner.uid, value });
  }

  /** A Model that was deleted during the run: its versions are nobody's, the rounds go on. */
  async version(model: string, version: ModelVersion): Promise<void> {
    await tell(entityId({ kind: 'Model', namespace: this.#owner.namespace, name: model }), signals.addVersion, version);
  }
}

/** Refusals and the record of a round are in all later news of it, and in none of the next round's. */
function isOutdated(news: RunNews, by: RunNews): boolean {
  return news.round === by.round && news.last?.round === by.last?.round;
}
