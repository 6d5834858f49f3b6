import { setTimeout as delay } from 'node:timers/promises';
import {
  isAlive,
  launchDetached,
  signal,
  stopProcess,
  type Launch,
  type ProcessRef,
} from '../../../workers/lib/process.ts';

const restartMs = 300;

/** A process that is started again whenever it dies, as any supervisor would. */
export class KeptProcess {
  readonly #launch: Launch;
  #process: ProcessRef | undefined;
  #stopped = false;
  #held = false;
  #keeping: Promise<void> | undefined;

  constructor(launch: Launch) {
    this.#launch = launch;
  }

  get process(): ProcessRef | undefined {
    return this.#process;
  }

  async start(): Promise<void> {
    this.#process = await launchDetached(this.#launch);
    this.#keeping = this.#keep();
  }

  /** Kills it and leaves it dead until `release`: a node that is away. */
  hold(): void {
    this.#held = true;
    if (this.#process !== undefined) signal(this.#process, 'SIGKILL');
  }

  release(): void {
    this.#held = false;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#process !== undefined) {
      signal(this.#process, 'SIGCONT');
      await stopProcess(this.#process, 9_000);
    }
    await this.#keeping;
  }

  async #keep(): Promise<void> {
    while (!this.#stopped) {
      await delay(50);
      if (this.#stopped || this.#held || this.#process === undefined || isAlive(this.#process)) continue;
      await delay(restartMs);
      if (!this.#stopped && !this.#held) this.#process = await launchDetached(this.#launch);
    }
  }
}
