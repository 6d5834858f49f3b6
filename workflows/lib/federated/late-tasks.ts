/** Clients at work beyond the end of their round. Their activities outlive rounds; what is known of them outlives the run. */
import { CancellationScope } from '@temporalio/workflow';
import type { TrainClientResult } from '../../../activities/contracts.ts';
import type { LateRefusal, LateUpdate } from './state.ts';

export class LateTasks {
  #entries: LateUpdate[];
  readonly #scopes = new Map<string, CancellationScope>();
  readonly #on: { refused: (refusal: LateRefusal) => void; changed: () => void };

  /** `entries`: of the run before. `changed`: called whenever one has been answered, `refused` before it where the answer is a refusal. */
  constructor(entries: LateUpdate[], on: { refused: (refusal: LateRefusal) => void; changed: () => void }) {
    this.#entries = entries;
    this.#on = on;
  }

  get entries(): LateUpdate[] {
    return this.#entries;
  }

  /** Asks again for what the run before has left: the same task, which the node knows. Without an answer it is forgotten. */
  resume(ask: (entry: LateUpdate) => Promise<TrainClientResult> | undefined): void {
    for (const entry of this.#entries.filter(({ update }) => update === undefined)) {
      const scope = new CancellationScope();
      this.#scopes.set(entry.client, scope);
      const settle = (result?: TrainClientResult): void => this.settle(entry, result);
      void scope.run(async () => ask(entry)).then(settle, () => settle());
    }
  }

  /** The activity of `scope` goes on; its answer comes through {@link settle}. */
  keep(entry: LateUpdate, scope: CancellationScope): void {
    this.#entries = [...this.#entries.filter(({ client }) => client !== entry.client), entry];
    this.#scopes.set(entry.client, scope);
  }

  /** Refused, cancelled or failed: it is worth nothing. */
  settle({ client, round }: Pick<LateUpdate, 'client' | 'round'>, result?: TrainClientResult): void {
    const entry = this.#entries.find((known) => known.client === client && known.round === round);
    if (entry === undefined) return;
    this.#scopes.delete(client);
    if (result !== undefined && 'accepted' in result) entry.update = result.accepted;
    else this.#entries = this.#entries.filter((known) => known !== entry);
    if (result !== undefined && 'refused' in result) this.#on.refused({ client, round, problem: result.refused });
    this.#on.changed();
  }

  /** Updates of rounds before this one can count no more. */
  expire(round: number): void {
    const old = this.#entries.filter((entry) => entry.round < round);
    this.#entries = this.#entries.filter((entry) => entry.round >= round);
    for (const { client } of old) {
      this.#scopes.get(client)?.cancel();
      this.#scopes.delete(client);
    }
  }
}
