/** What a run tells others: its job of every change and of its end, the Model of its versions. */
import { CancellationScope, condition } from '@temporalio/workflow';
import { entityId, type Owner } from '../ids.ts';
import { signals, type ModelVersion } from '../messages.ts';
import { tell } from '../tell.ts';
import type { RunEnd, RunNews } from './state.ts';

/**
 * However fast rounds are: each signal costs both sides a workflow task. News name the clients, some 25 bytes for each, so that those of large
 * rounds come more seldom: 4,000 clients are 100 kB at a time.
 */
const tellEveryMs = 200;
const clientsAtOnce = 400;

function paceOf({ selected }: Pick<RunNews, 'selected'>): number {
  return tellEveryMs * Math.max(1, selected.length / clientsAtOnce);
}

/**
 * Nobody waits for news and versions but the end of the run: the next round goes on beside them. What comes faster than it is told goes
 * together: of news the newest, of versions all in one signal. So however many clients answer at once, and however short rounds are,
 * the job and the Model hear a few words a second.
 */
export class Reports {
  readonly #owner: Owner;
  readonly #orphaned: () => void;
  #news: RunNews[] = [];
  #versions: { model: string; version: ModelVersion }[] = [];
  #telling: Promise<void> | undefined;
  #sequence = 0;
  #toldAt = -Infinity;
  /** Last round whose record the job has. */
  #toldRound: number;
  #isUrgent = false;

  /** `known`: the last round that the job knows already. `orphaned`: called when the job is not there any more. */
  constructor(owner: Owner, known: number, orphaned: () => void) {
    this.#owner = owner;
    this.#toldRound = known;
    this.#orphaned = orphaned;
  }

  /** Resolves when the job has heard all news, and the Model of all versions, so far. */
  async told(): Promise<void> {
    this.#isUrgent = true;
    await this.#telling;
    this.#isUrgent = false;
  }

  /** `of` gives the state of things, with the records of all rounds after `told`. So what waits makes room for newer ones, unless only it says who was refused. */
  news(of: (sequence: number, told: number) => RunNews): void {
    const value = of((this.#sequence += 1), this.#toldRound);
    const newest = this.#news.at(-1);
    if (newest !== undefined && saysRefusals(value, newest)) this.#news.pop();
    this.#news.push(value);
    this.#begin();
  }

  version(model: string, version: ModelVersion): void {
    this.#versions.push({ model, version });
    this.#begin();
  }

  /** The last word, after all others. The job has it also where it no longer follows this workflow. */
  async ended(value: RunEnd): Promise<void> {
    await this.told();
    await tell(entityId(this.#owner), signals.observed, { slot: 'ended', uid: this.#owner.uid, value });
  }

  /** A run that is cancelled still tells what it has made. */
  #begin(): void {
    this.#telling ??= CancellationScope.nonCancellable(() => this.#tellAll());
  }

  async #tellAll(): Promise<void> {
    try {
      while (this.#news.length + this.#versions.length > 0) {
        await this.#pause();
        this.#toldAt = Date.now();
        await Promise.all([this.#tellJob(), this.#tellModel()]);
      }
    } finally {
      this.#telling = undefined;
    }
  }

  /** While what waits may still be replaced, or get company. */
  async #pause(): Promise<void> {
    const newest = this.#news.at(-1);
    const every = newest === undefined ? tellEveryMs : paceOf(newest);
    const rest = this.#toldAt + every - Date.now();
    const isDue = (): boolean => this.#isUrgent || this.#news.length > 1;
    if (rest > 0 && !isDue()) await condition(isDue, rest);
  }

  async #tellJob(): Promise<void> {
    const value = this.#news.shift();
    if (value === undefined) return;
    this.#toldRound = value.records?.at(-1)?.round ?? this.#toldRound;
    const message = { slot: 'run', uid: this.#owner.uid, value };
    if (!(await tell(entityId(this.#owner), signals.observed, message))) this.#orphaned();
  }

  /** A Model that was deleted during the run: its versions are nobody's, the rounds go on. */
  async #tellModel(): Promise<void> {
    const [first] = this.#versions;
    if (first === undefined) return;
    // An edit may have given the job another Model.
    const other = this.#versions.findIndex(({ model }) => model !== first.model);
    const together = this.#versions.splice(0, other < 0 ? this.#versions.length : other);
    const id = entityId({ kind: 'Model', namespace: this.#owner.namespace, name: first.model });
    await tell(id, signals.addVersion, ...together.map(({ version }) => version));
  }
}

/** Refusals are in all later news of their round. */
function saysRefusals(later: RunNews, news: RunNews): boolean {
  return news.round === later.round || (news.refused.length === 0 && news.refusedLate === undefined);
}
