/** Looks at the job all the time: tells who waits for something of it, and notices whatever goes back or claims too much. */
import { setTimeout as delay } from 'node:timers/promises';
import { accepted, roundOf, type JobStatus } from './status.ts';

const everyMs = 100;

export class Watcher {
  readonly #look: () => Promise<JobStatus | undefined>;
  readonly #waiting = new Set<{ isSo: (status: JobStatus) => boolean; tell: (is: boolean) => void }>();
  readonly #digests = new Map<number, string>();
  readonly violations = new Set<string>();
  /** Somebody stops the job: then the round under way is left, and the present one is the last that was finished. */
  mayLeave = false;
  #isBlind = false;
  #runs = true;
  #done = Promise.resolve();
  latest: JobStatus | undefined;

  constructor(look: () => Promise<JobStatus | undefined>) {
    this.#look = look;
  }

  start(): this {
    this.#done = this.#run();
    return this;
  }

  async stop(): Promise<void> {
    this.#runs = false;
    await this.#done;
  }

  /** Does not look while `act` takes place: another object begins then, and nothing of the one before counts. */
  async blind(act: () => Promise<void>): Promise<void> {
    this.#isBlind = true;
    await act();
    this.latest = undefined;
    this.#digests.clear();
    this.#isBlind = false;
  }

  /** True as soon as the status is so; false after the bound. */
  until(isSo: (status: JobStatus) => boolean, boundMs: number): Promise<boolean> {
    if (this.latest !== undefined && isSo(this.latest)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => tell(false), boundMs);
      const tell = (is: boolean): void => {
        this.#waiting.delete(waiting);
        clearTimeout(timer);
        resolve(is);
      };
      const waiting = { isSo, tell };
      this.#waiting.add(waiting);
    });
  }

  async #run(): Promise<void> {
    while (this.#runs) {
      const status = await this.#look();
      if (status?.rounds !== undefined && !this.#isBlind) this.#seen(status);
      await delay(everyMs);
    }
    for (const { tell } of this.#waiting) tell(false);
  }

  #seen(status: JobStatus): void {
    if (this.latest !== undefined) this.#compare(this.latest, status);
    this.#claims(status);
    this.latest = status;
    for (const { isSo, tell } of this.#waiting) if (isSo(status)) tell(true);
  }

  #compare(before: JobStatus, now: JobStatus): void {
    const [was, is] = [roundOf(before), roundOf(now)];
    const least = this.mayLeave ? finished(before) : was;
    if (is < least) this.#wrong(`the round went back from ${was} to ${is}`);
    if (finished(now) < finished(before)) this.#wrong('a finished round was taken back');
    if (before.phase === 'Succeeded' && now.phase !== 'Succeeded') this.#wrong(`Succeeded became ${now.phase}`);
    if (now.conditions.length < before.conditions.length) this.#wrong('conditions were taken back');
    const same = is === was && now.phase === before.phase && collects(before) && collects(now);
    // With a buffer an accepted one is at work again.
    const stay = same && now.buffer === undefined;
    const left = accepted(before).filter((client) => stay && !accepted(now).includes(client));
    if (left.length > 0) this.#wrong(`round ${is}: accepted updates of ${left.join(', ')} are no longer accepted`);
  }

  #claims(status: JobStatus): void {
    for (const { round, digest } of status.rounds) {
      const known = this.#digests.get(round);
      if (known !== undefined && known !== digest)
        this.#wrong(`round ${round} was ${known.slice(0, 12)} and became ${digest.slice(0, 12)}`);
      this.#digests.set(round, digest);
    }
    const numbers = status.rounds.map(({ round }) => round);
    if (numbers.some((round, i) => i > 0 && round !== (numbers[i - 1] ?? 0) + 1))
      this.#wrong(`rounds are not one after the other: ${numbers.join(', ')}`);
    if (status.phase === 'Succeeded' && finished(status) < roundOf(status))
      this.#wrong('it Succeeded before its last round');
  }

  #wrong(what: string): void {
    this.violations.add(`status: ${what}`);
  }
}

function collects({ stage }: JobStatus): boolean {
  return stage === 'Collecting';
}

function finished({ lastRound }: JobStatus): number {
  return lastRound?.round ?? 0;
}
