/**
 * Operations: the long things an entity has going (watch a dataset, serve a model, run a round), one per slot.
 * A plan names those that should be going; the runner starts what is missing and cancels what is no longer wanted.
 */
import { CancellationScope, condition, isCancellation } from '@temporalio/workflow';
import { problemOf } from './problems.ts';
import type { Problem } from './failures.ts';

export interface Operation {
  /** One at a time per slot. */
  slot: string;
  /** What exactly: another key replaces the running one. */
  key: string;
  /** Started anew when it ends and the plan still wants it. */
  run(): Promise<void>;
  /** Another key waits until this one has ended (a round is never cut by an edit), for as long as it says so. */
  uninterruptible?: boolean | (() => boolean);
}

interface Running {
  key: string;
  scope: CancellationScope;
  isUninterruptible: () => boolean;
}

export class Operations {
  readonly #running = new Map<string, Running>();
  /** Why the operation of a slot ended badly, until its key changes or it is cleared. It is not started meanwhile. */
  readonly #failed = new Map<string, { key: string; problem: Problem }>();
  readonly #onSettled: () => void;

  constructor(onSettled: () => void) {
    this.#onSettled = onSettled;
  }

  reconcile(plan: Operation[]): void {
    const wanted = new Map(plan.map((operation) => [operation.slot, operation]));
    for (const [slot, running] of this.#running) {
      if (wanted.get(slot)?.key !== running.key && !running.isUninterruptible()) running.scope.cancel();
    }
    for (const [slot, failed] of this.#failed) {
      if (wanted.get(slot)?.key !== failed.key) this.#failed.delete(slot);
    }
    for (const operation of plan) {
      if (!this.#running.has(operation.slot) && !this.#failed.has(operation.slot)) this.#start(operation);
    }
  }

  problem(slot: string): Problem | undefined {
    return this.#failed.get(slot)?.problem;
  }

  /** True when there was a failed one, which the next plan now starts again. */
  clearFailures(): boolean {
    const any = this.#failed.size > 0;
    this.#failed.clear();
    return any;
  }

  isRunning(slot: string): boolean {
    return this.#running.has(slot);
  }

  get hasUninterruptible(): boolean {
    return [...this.#running.values()].some((running) => running.isUninterruptible());
  }

  /** Cancels everything and waits until it has ended; activities are asked to stop, not waited for, so this is quick. */
  async stopAll(): Promise<void> {
    for (const running of this.#running.values()) running.scope.cancel();
    await condition(() => this.#running.size === 0, '10s');
  }

  #start(operation: Operation): void {
    const scope = new CancellationScope();
    const { slot, key, uninterruptible = false } = operation;
    const isUninterruptible = typeof uninterruptible === 'function' ? uninterruptible : (): boolean => uninterruptible;
    this.#running.set(slot, { key, scope, isUninterruptible });
    const ended = (): void => {
      this.#running.delete(slot);
      this.#onSettled();
    };
    void scope
      .run(() => operation.run())
      .catch((error: unknown) => {
        if (!isCancellation(error)) this.#failed.set(slot, { key, problem: problemOf(error) });
      })
      .then(ended);
  }
}
