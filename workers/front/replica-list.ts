/** The file that the local controller writes. It may be away for long: what it wrote last holds. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { replicaFile, type ReplicaList } from './protocol.ts';

/** The local controller says when it has written; looking is for what it could not say. */
const lookMs = 500;

export class ReplicaFile {
  readonly #path: string;
  readonly #use: (list: ReplicaList) => void;
  #seen = '';

  constructor(directory: string, use: (list: ReplicaList) => void) {
    this.#path = join(directory, replicaFile);
    this.#use = use;
  }

  watch(): void {
    this.read();
    setInterval(() => this.#look(), lookMs);
  }

  /** A file that is not there yet, or not readable now, changes nothing. */
  read(): void {
    try {
      this.#use(parse(readFileSync(this.#path, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') console.error(`${this.#path}: ${String(error)}`);
    }
  }

  #look(): void {
    try {
      const { mtimeMs, ino, size } = statSync(this.#path);
      const now = `${mtimeMs} ${ino} ${size}`;
      if (now === this.#seen) return;
      this.#seen = now;
      this.read();
    } catch {
      // Not there yet.
    }
  }
}

function parse(text: string): ReplicaList {
  const { version, replicas } = JSON.parse(text) as ReplicaList;
  if (!Number.isSafeInteger(version) || !Array.isArray(replicas)) throw new Error('not a list of replicas');
  return { version, replicas };
}
