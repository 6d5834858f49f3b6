/** What a run tells others: its job of every change and of its end, the Model of its versions. */
import { CancellationScope, condition } from '@temporalio/workflow';
import { entityId, type Owner } from '../ids.ts';
import { signals, type ModelVersion } from '../messages.ts';
import { tell } from '../tell.ts';
import type { RunEnd, RunNews } from './state.ts';

/** However fast rounds are: of what changes in between the job hears the newest. */
const newsEveryMs = 250;

export class Reports {
  readonly #owner: Owner;
  readonly #orphaned: () => void;
  readonly #scope = CancellationScope.current();
  #waiting: RunNews[] = [];
  #telling: Promise<void> | undefined;
  #published = Promise.resolve();
  #sequence = 0;
  #toldAt = -Infinity;
  /** Last round whose record the job has. */
  #toldRecord = 0;
  #isUrgent = false;

  /** `orphaned`: called when the job is not there any more. Made in the scope of the run. */
  constructor(owner: Owner, orphaned: () => void) {
    this.#owner = owner;
    this.#orphaned = orphaned;
  }

  /** Resolves when the job has heard all news, and the Model of all versions, so far. */
  async told(): Promise<void> {
    this.#isUrgent = true;
    await this.#telling;
    this.#isUrgent = false;
    await this.#published;
  }

  /**
   * In order, one at a time; nobody waits for them but the end of the run. News are the state of things: what waits makes room for
   * newer ones that say all that it says. So however many clients answer at once, and however short rounds are, the job hears little
   * more than one word of each round.
   */
  news(of: (sequence: number) => RunNews): void {
    const value = of((this.#sequence += 1));
    const newest = this.#waiting.at(-1);
    if (newest !== undefined && isOutdated(newest, value, this.#toldRecord)) this.#waiting.pop();
    this.#waiting.push(value);
    // Of the run, not of the client whose answer is told: that one's scope ends with its round.
    this.#telling ??= this.#scope.run(() => this.#tellAll()).catch(() => undefined);
  }

  async #tellAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        await this.#pause();
        const value = this.#waiting.shift() as RunNews;
        this.#toldAt = Date.now();
        this.#toldRecord = value.last?.round ?? 0;
        const message = { slot: 'run', uid: this.#owner.uid, value };
        if (!(await tell(entityId(this.#owner), signals.observed, message))) this.#orphaned();
      }
    } finally {
      this.#telling = undefined;
    }
  }

  /** While only the newest waits, and may still be replaced. */
  async #pause(): Promise<void> {
    const rest = this.#toldAt + newsEveryMs - Date.now();
    const isDue = (): boolean => this.#isUrgent || this.#waiting.length > 1;
    if (rest > 0 && !isDue()) await condition(isDue, rest);
  }

  /** The last word, after all others. The job has it also where it no longer follows this workflow. */
  async ended(value: RunEnd): Promise<void> {
    await this.told();
    await tell(entityId(this.#owner), signals.observed, { slot: 'ended', uid: this.#owner.uid, value });
  }

  /** In order; the next round does not wait for it. A Model that was deleted during the run: its versions are nobody's, the rounds go on. */
  version(model: string, version: ModelVersion): void {
    const id = entityId({ kind: 'Model', namespace: this.#owner.namespace, name: model });
    const publish = (): Promise<boolean> =>
      CancellationScope.nonCancellable(() => tell(id, signals.addVersion, version));
    this.#published = this.#published.then(publish).then(() => undefined);
  }
}

/** A record is in all news until the next one, refusals are in all later news of their round. */
function isOutdated(news: RunNews, by: RunNews, toldRecord: number): boolean {
  const record = news.last?.round ?? 0;
  const saysRecord = record === (by.last?.round ?? 0) || record <= toldRecord;
  const saysRefusals = news.round === by.round || (news.refused.length === 0 && news.refusedLate === undefined);
  return saysRecord && saysRefusals;
}
