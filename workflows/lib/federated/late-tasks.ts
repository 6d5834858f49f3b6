/** Clients at work beyond the end of their round. Their activities outlive rounds; what is known of them outlives the run. */
import type { TrainClientResult } from '../../../activities/contracts.ts';
import type { Asked } from './asking.ts';
import type { LateRefusal, LateUpdate } from './state.ts';

export class LateTasks {
  #entries: LateUpdate[];
  readonly #asked = new Map<string, Asked>();
  readonly #on: { refused: (refusal: LateRefusal) => void; changed: () => void };

  /** `entries`: of the run before. `changed`: called whenever one has been answered, `refused` before it where the answer is a refusal. */
  constructor(entries: LateUpdate[], on: { refused: (refusal: LateRefusal) => void; changed: () => void }) {
    this.#entries = entries;
    this.#on = on;
  }

  get entries(): LateUpdate[] {
    return this.#entries;
  }

  /** Asks again for what the run before has left: the same tasks, which the nodes know. Who is not asked, or has no answer, is forgotten. */
  resume(ask: (entries: LateUpdate[]) => Asked[]): void {
    const open = this.#entries.filter(({ update }) => update === undefined);
    const byClient = new Map(ask(open).map((one) => [one.client, one]));
    for (const entry of open) {
      const one = byClient.get(entry.client);
      if (one !== undefined) this.#asked.set(entry.client, one);
      const settle = (result?: TrainClientResult): void => this.settle(entry, result);
      void (one?.answer ?? Promise.resolve(undefined)).then(settle, () => settle());
    }
  }

  /** The task goes on; its answer comes through {@link settle}. */
  keep(entry: LateUpdate, asked: Asked): void {
    this.#entries = [...this.#entries.filter(({ client }) => client !== entry.client), entry];
    this.#asked.set(entry.client, asked);
  }

  /** Refused, cancelled or failed: it is worth nothing. */
  settle({ client, round }: Pick<LateUpdate, 'client' | 'round'>, result?: TrainClientResult): void {
    const entry = this.#entries.find((known) => known.client === client && known.round === round);
    if (entry === undefined) return;
    this.#asked.delete(client);
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
      this.#asked.get(client)?.cancel();
      this.#asked.delete(client);
    }
  }
}
