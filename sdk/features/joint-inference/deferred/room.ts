/** Who goes where there is no room: ends that were delivered first, then examples, then what the little model was surest of. */
import type { Ends } from './ends.ts';
import type { Examples } from './examples.ts';
import type { Rows } from './rows.ts';

const answersSlackBytes = 256 * 1024;

export class Room {
  readonly #rows: Rows;
  readonly #ends: Ends;
  readonly #examples: Examples;
  readonly #budget: number;

  constructor(rows: Rows, { ends, examples, budget }: { ends: Ends; examples: Examples; budget: number }) {
    this.#rows = rows;
    this.#ends = ends;
    this.#examples = examples;
    this.#budget = budget;
  }

  /** For an answer, which comes on top of what there was room for; the file has some to spare. */
  hasFor(cost: number): boolean {
    const most = this.#budget + answersSlackBytes;
    // What never fits must not cost others their place.
    if (cost > most) return false;
    while (this.#used() + cost > most) if (!this.#dropNeedless()) return false;
    return true;
  }

  /** `newcomer`: does not push out what matters as much as itself, nor what it shares its input with. */
  make(cost: number, newcomer: { uncertainty: number; digest: string }): boolean {
    while (this.#used() + cost > this.#budget) {
      if (this.#dropNeedless()) continue;
      const surest = this.#rows.one<{ id: string }>(
        `SELECT id FROM requests WHERE state = 'pending' AND uncertainty < ? AND digest <> ? ORDER BY uncertainty LIMIT 1`,
        ...[newcomer.uncertainty, newcomer.digest],
      );
      if (!surest) return false;
      const message = 'samples that the little model is less sure of took its room';
      this.#ends.end({ id: surest.id }, { state: 'expired', reason: 'NoRoom', message });
    }
    return true;
  }

  /** What no request waits for. False: there is nothing of the kind. */
  #dropNeedless(): boolean {
    return this.#ends.dropDelivered() || this.#examples.dropOldest();
  }

  #used(): number {
    const used = `SELECT (SELECT coalesce(sum(cost), 0) FROM inputs) + (SELECT coalesce(sum(cost), 0) FROM requests)
      + (SELECT coalesce(sum(cost), 0) FROM examples) AS used`;
    return this.#rows.one<{ used: number }>(used)?.used ?? 0;
  }
}
