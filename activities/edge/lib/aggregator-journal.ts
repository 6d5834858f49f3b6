/** What an aggregator of a user's own was asked last: the same for every local controller of the node, so that the next one knows. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../../sdk/storage/index.ts';
import type { AggregateResult } from '../../contracts.ts';

export interface AskedRound {
  /** Workflow id of the run. */
  run: string;
  round: number;
  /** Of the updates and what they start from. */
  key: string;
  /** Absent: it was asked, and nobody knows what it made of that. */
  result?: AggregateResult;
  /** Reason that was told last. */
  told?: string;
}

export class AggregatorJournal {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async read(): Promise<AskedRound | undefined> {
    try {
      return JSON.parse(await readFile(this.#file, 'utf8')) as AskedRound;
    } catch {
      return undefined; // written atomically: not there
    }
  }

  async write(asked: AskedRound): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    await writeFileAtomic(this.#file, JSON.stringify(asked));
  }

  get #file(): string {
    return join(this.#directory, 'round.json');
  }
}
