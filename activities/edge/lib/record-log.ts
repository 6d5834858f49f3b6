import { createHash, type Hash } from 'node:crypto';

/** Digests kept for counts that somebody may come back with. */
const maxCheckpoints = 1024;

/** How many records there were, and a digest for each count that was asked for lately. */
export class RecordLog {
  count = 0;
  readonly #hash: Hash = createHash('sha256');
  /** By how lately they were asked for. */
  readonly #checkpoints = new Map<number, string>();

  add(record: Buffer): void {
    this.#hash.update(record).update('\n');
    this.count += 1;
  }

  digestAt(n: number): string | undefined {
    if (n === 0) return '';
    const known = this.#checkpoints.get(n);
    const digest = known ?? (n === this.count ? this.#hash.copy().digest('hex') : undefined);
    if (digest !== undefined) this.remember(n, digest);
    return digest;
  }

  /** Of an earlier count, found by reading these records again. */
  remember(n: number, digest: string): void {
    this.#checkpoints.delete(n);
    this.#checkpoints.set(n, digest);
    const oldest = this.#checkpoints.size > maxCheckpoints ? this.#checkpoints.keys().next().value : undefined;
    if (oldest !== undefined) this.#checkpoints.delete(oldest);
  }
}
