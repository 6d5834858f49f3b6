import { createHash, type Hash } from 'node:crypto';

/** Digests kept for counts that somebody may come back with. */
const maxCheckpoints = 1024;

/** How many records there were, and a digest for each recent count. */
export class RecordLog {
  count = 0;
  readonly #hash: Hash = createHash('sha256');
  readonly #checkpoints = new Map<number, string>([[0, '']]);

  add(record: Buffer): void {
    this.#hash.update(record).update('\n');
    this.count += 1;
  }

  digestAt(n: number): string | undefined {
    const known = this.#checkpoints.get(n);
    if (known !== undefined || n !== this.count) return known;
    const digest = this.#hash.copy().digest('hex');
    this.#checkpoints.set(n, digest);
    const oldest = [...this.#checkpoints.keys()].at(1);
    if (this.#checkpoints.size > maxCheckpoints && oldest !== undefined) this.#checkpoints.delete(oldest);
    return digest;
  }
}
