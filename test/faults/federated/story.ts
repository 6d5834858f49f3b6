/** What a scenario is made of: a world with the job applied, ten rounds, faults in them, somebody who looks all the time. */
import { isDeepStrictEqual } from 'node:util';
import { until } from '../../../deploy/local/wait.ts';
import type { Injection } from '../lib/campaign.ts';
import { insist } from '../lib/insist.ts';
import { inject, runMs } from './inject.ts';
import { outcomeOf, type Outcome } from './outcome.ts';
import type { Draw, Fault } from './plan.ts';
import { job, type Spec } from './stack.ts';
import type { JobStatus } from './status.ts';
import { Watcher } from './watcher.ts';
import type { PointsWorld } from './world.ts';

const insistMs = 45_000;
const agreesMs = 30_000;

export class Story {
  readonly world: PointsWorld;
  readonly draw: Draw;
  readonly watcher: Watcher;
  readonly injections: Injection<Fault>[] = [];
  /** What a scenario found besides what every run is checked for. */
  readonly violations: string[] = [];
  readonly deeds: string[] = [];
  readonly #faults: Fault[];
  readonly #since = performance.now();
  #injected: Promise<unknown>[] = [];

  constructor(world: PointsWorld, draw: Draw, faults: Fault[]) {
    this.world = world;
    this.draw = draw;
    this.#faults = faults;
    this.watcher = new Watcher(() => world.status()).start();
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#since) / 100) / 10;
  }

  readonly did = (deed: string): void => void this.deeds.push(`${this.seconds} s: ${deed}`);

  async apply(spec: Spec = {}): Promise<void> {
    const { stack } = this.world;
    await insist(() => stack.cli('apply', '-f', stack.manifest(spec)), insistMs);
    this.did('applied');
  }

  /** Faults wait for their points from now on. */
  arm(): void {
    const surroundings = { world: this.world, watcher: this.watcher, since: this.#since };
    this.#injected = this.#faults.map(async (fault) => this.injections.push(await inject(surroundings, fault)));
    // Awaited in `ended`; one that fails before must not end the campaign.
    for (const running of this.#injected) running.catch(() => undefined);
  }

  /** Waits for the last round, and for whatever is still taken away. */
  async ended(): Promise<JobStatus> {
    const { watcher } = this;
    if (!(await watcher.until(({ phase }) => phase === 'Succeeded' || phase === 'Failed', runMs)))
      throw new Error(`the rounds did not end within ${runMs / 1_000} s`);
    const status = watcher.latest as JobStatus;
    this.did(status.phase === 'Succeeded' ? `all rounds have ended (${status.round})` : `it is ${status.phase}`);
    await Promise.all(this.#injected);
    return status;
  }

  async outcome(status: JobStatus): Promise<Outcome> {
    return outcomeOf(this.world, status);
  }

  async delete(): Promise<void> {
    const { stack } = this.world;
    const began = performance.now();
    const words = ['delete', '-f', stack.manifest(), '--ignore-not-found', '--timeout', '30s'];
    await insist(() => stack.cli(...words), insistMs);
    this.did(`everything is deleted, within ${Math.round((performance.now() - began) / 100) / 10} s`);
  }

  /** What Kubernetes shows is what the entity says: no late writer has won. */
  async statusAgrees(): Promise<string[]> {
    let [shown, said]: unknown[] = [];
    const same = await until(async () => {
      const status = await this.world.status();
      const { stack } = this.world;
      const object = await stack.cli('get', 'fl', job, '-o', 'json').catch(() => '{}');
      const written = (JSON.parse(object) as { status?: JobStatus }).status;
      [shown, said] = [written, status].map((of) => [of?.phase, of?.round, of?.rounds, of?.conditions]);
      return status !== undefined && isDeepStrictEqual(shown, said);
    }, agreesMs);
    return same
      ? []
      : [`Kubernetes does not show what the entity says: ${JSON.stringify([shown, said]).slice(0, 600)}`];
  }
}
