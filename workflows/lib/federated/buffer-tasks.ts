/** Tasks of clients that are asked one after the other, whatever round is open. Their activities outlive rounds; what is known of them outlives the run. */
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { TrainClientResult } from '../../../activities/contracts.ts';
import { answered, atWork } from './buffer.ts';
import type { LateUpdate, Refusal } from './state.ts';

export class BufferTasks {
  #entries: LateUpdate[];
  readonly #scopes = new Map<LateUpdate, CancellationScope>();
  readonly #refused: (refusal: Refusal) => void;
  readonly #changed: () => void;
  /** What ends the run: no failure of a client, those are refusals. */
  broken: Error | undefined;

  /** `entries`: of the run before. `changed`: called whenever one has been answered, `refused` before it where the answer is a refusal. */
  constructor(entries: LateUpdate[], on: { refused: (refusal: Refusal) => void; changed: () => void }) {
    this.#entries = entries;
    this.#refused = on.refused;
    this.#changed = on.changed;
  }

  /** In the order in which they were answered, as far as they were. */
  get entries(): LateUpdate[] {
    return this.#entries;
  }

  /** At work as far as anybody knows, but asked by nobody: of the run before. */
  get unattended(): LateUpdate[] {
    return atWork(this.#entries).filter((entry) => !this.#scopes.has(entry));
  }

  /** Asks for a new entry, or again for one of the run before: the node knows the task by its identity. */
  ask(entry: LateUpdate, answer: (entry: LateUpdate) => Promise<TrainClientResult>): void {
    if (!this.#entries.includes(entry)) this.#entries = [...this.#entries, entry];
    const scope = new CancellationScope();
    this.#scopes.set(entry, scope);
    void scope
      .run(() => answer(entry))
      .then((result) => this.#settle(entry, result))
      .catch((error: unknown) => {
        if (!isCancellation(error)) this.broken = error as Error;
      });
  }

  #settle(entry: LateUpdate, result: TrainClientResult): void {
    if (!this.#scopes.delete(entry)) return;
    this.#entries = this.#entries.filter((known) => known !== entry);
    if ('accepted' in result) this.#entries = [...this.#entries, { ...entry, update: result.accepted }];
    else this.#refused({ client: entry.client, problem: result.refused });
    this.#changed();
  }

  /** The first ones in the buffer, which are out of it from here on. */
  take(count: number): LateUpdate[] {
    const taken = answered(this.#entries).slice(0, count);
    this.#entries = this.#entries.filter((entry) => !taken.includes(entry));
    return taken;
  }

  /** What was taken, and has not become a model. `isStopped`: nobody is to be at work until the round is opened again. */
  giveBack(taken: LateUpdate[], isStopped: boolean): void {
    this.#entries = [...taken, ...this.#entries];
    if (isStopped) this.rest();
  }

  /** Nobody wants these any more. */
  drop(unwanted: LateUpdate[]): void {
    this.#entries = this.#entries.filter((entry) => !unwanted.includes(entry));
    unwanted.forEach((entry) => this.#leave(entry));
  }

  /** The tasks are taken back, and remembered: {@link unattended}. */
  rest(): void {
    [...this.#scopes.keys()].forEach((entry) => this.#leave(entry));
  }

  #leave(entry: LateUpdate): void {
    const scope = this.#scopes.get(entry);
    this.#scopes.delete(entry);
    scope?.cancel();
  }
}
