/** What a scenario is made of: a world with the example applied, two rounds, faults in them, requests all the time. */
import { until } from '../../../deploy/local/wait.ts';
import { pixels } from '../../../examples/incremental-learning/mnist/digits.ts';
import type { JobStatus } from '../../support/digits-stack.ts';
import { inject, roundMs, type Injection } from './inject.ts';
import { insist } from './insist.ts';
import { Load, type LoadResult } from './load.ts';
import { outcomeOf, type Outcome } from './outcome.ts';
import type { Draw, Fault } from './plan.ts';
import type { World, WorldOptions } from './world.ts';

export const feedSamples = 500;
/** Some seconds of training, so that every point is really hit. */
const epochs = 60;
const availableMs = 60_000;
const insistMs = 45_000;

export class Story {
  readonly world: World;
  readonly draw: Draw;
  readonly injections: Injection[] = [];
  readonly loads: LoadResult[] = [];
  /** What a scenario found besides what every run is checked for. */
  readonly violations: string[] = [];
  /** For people: what the scenario did, and when. */
  readonly deeds: string[] = [];
  outcome: Outcome | undefined;
  readonly #faults: Fault[];
  readonly #since = performance.now();
  #load: Load | undefined;

  constructor(world: World, draw: Draw, faults: Fault[]) {
    this.world = world;
    this.draw = draw;
    this.#faults = faults;
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#since) / 100) / 10;
  }

  readonly did = (deed: string): void => void this.deeds.push(`${this.seconds} s: ${deed}`);

  /** Applies the example, waits until it serves, and asks it from then on. */
  async apply(): Promise<void> {
    await this.edit();
    const serves = (status: JobStatus | undefined): boolean =>
      status?.conditions?.some(({ type, status: holds }) => type === 'Available' && holds === 'True') ?? false;
    if (!(await until(async () => serves(await this.world.status()), availableMs)))
      throw new Error(`it was not Available within ${availableMs / 1_000} s`);
    this.did('serves');
    this.#load ??= new Load({
      url: () => this.world.endpoint(),
      pids: () => (['inference', 'lc'] as const).flatMap((name) => this.world.processes(name)).map(({ pid }) => pid),
      pixels,
    }).start();
  }

  /** Applies the example's manifest with a change; again until the API server takes it, as a person would. */
  async edit(change?: (manifest: string) => string): Promise<void> {
    const { stack } = this.world;
    await insist(() => stack.cli('apply', '-f', stack.manifest(epochs, change)), insistMs);
  }

  /** Deletes everything and waits until it is gone: at most 30 s, an edge that is away or not. */
  async delete(boundMs = insistMs): Promise<void> {
    const { stack } = this.world;
    const began = performance.now();
    const words = ['delete', '-f', stack.manifest(), '--ignore-not-found', '--timeout', '30s'];
    await insist(() => stack.cli(...words), boundMs);
    this.did(`everything is deleted, within ${Math.round((performance.now() - began) / 100) / 10} s`);
  }

  /** Keeps what there is now for the comparison: what follows takes it away. */
  async remember(): Promise<void> {
    this.outcome = await outcomeOf(this.world, await this.settled());
  }

  async stopLoad(): Promise<void> {
    if (this.#load !== undefined) this.loads.push(await this.#load.stop());
    this.#load = undefined;
  }

  /** One round with the faults of that number; `meanwhile` runs beside it. */
  async round(
    round: 1 | 2,
    { feed = () => void this.world.stack.feed(feedSamples), meanwhile = () => Promise.resolve() }: RoundOptions = {},
  ): Promise<void> {
    const due = this.#faults.filter((fault) => fault.round === round);
    const injected = due.map(async (fault) => this.injections.push(await inject(this.world, fault, this.#since)));
    const beside = meanwhile();
    // Awaited below; one that fails before must not end the campaign.
    for (const running of [...injected, beside]) running.catch(() => undefined);
    await feed();
    const ended = await until(async () => ((await this.world.status())?.lastRound?.round ?? 0) >= round, roundMs);
    if (!ended) throw new Error(`round ${round} did not end within ${roundMs / 1_000} s`);
    await Promise.all([...injected, beside]);
    this.did(`round ${round} has ended`);
  }

  async settled(): Promise<JobStatus> {
    let status: JobStatus | undefined;
    const done = await until(async () => {
      status = await this.world.status();
      return status?.phase === 'Waiting' && status.waitingFor?.reason === 'NoNewSamples';
    }, 60_000);
    if (!done || status === undefined) throw new Error('it did not come to rest within 60 s');
    return status;
  }
}

interface RoundOptions {
  feed?: () => Promise<void> | void;
  meanwhile?: () => Promise<void>;
}

export interface Scenario {
  world?: WorldOptions;
  /** No other faults: what it looks at would be their doing. */
  alone?: true;
  /** Rounds that are compared with the undisturbed run. Default 2. */
  rounds?: 1 | 2;
  /** Set: the undisturbed run plays this scenario too, its deeds change what comes out. */
  changesOutcome?: boolean;
  play(story: Story): Promise<void>;
  /** Why it cannot be played on this machine. */
  missing?: () => string | undefined;
}
