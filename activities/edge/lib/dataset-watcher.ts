/** One watcher per index file, shared by everybody on the node who listens to it. */
import { watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import type { DatasetSource } from '../../contracts.ts';
import type { Problem } from '../../../workflows/lib/failures.ts';
import { DatasetIndex } from './dataset-index.ts';

/**
 * Besides the notifications of the file system, which not every file system gives: also settles unfinished last lines. As long as all
 * news has come by notification, a look now and then is enough.
 */
const pollMs = { calm: 5_000, alert: 1_000 };
/** News that no notification brought may have more behind it. */
const alertForMs = 600_000;

export interface WatchedDataset {
  readonly index: DatasetIndex;
  /** Why the file cannot be read at the moment. */
  readonly problem: Problem | undefined;
  /** True once the file was read, or found unreadable, for the first time. */
  readonly looked: boolean;
}

export class DatasetWatchers {
  readonly #watchers = new Map<string, Watcher>();

  /** Calls `listener` now and after every change, until the returned function is called. */
  listen(source: DatasetSource, listener: (dataset: WatchedDataset) => void): () => void {
    const key = keyOf(source);
    const watcher = this.#watchers.get(key) ?? new Watcher(source);
    this.#watchers.set(key, watcher);
    const leave = watcher.add(listener);
    return () => {
      leave();
      if (watcher.isUnused) {
        watcher.close();
        this.#watchers.delete(key);
      }
    };
  }

  /** Somebody found other content than was counted: an edit in place that the cheap comparison cannot see. */
  async recount(source: DatasetSource): Promise<void> {
    await this.#watchers.get(keyOf(source))?.recount();
  }
}

class Watcher implements WatchedDataset {
  readonly index: DatasetIndex;
  problem: Problem | undefined;
  looked = false;
  readonly #listeners = new Set<(dataset: WatchedDataset) => void>();
  #timer: NodeJS.Timeout | undefined;
  /** By the monotonic clock. */
  #alertUntil = 0;
  #notifier: FSWatcher | undefined;
  #closed = false;
  #looking = false;
  #again = false;

  constructor(source: DatasetSource) {
    this.index = new DatasetIndex(source);
    this.#notify();
    this.#look('notified');
  }

  get isUnused(): boolean {
    return this.#listeners.size === 0;
  }

  add(listener: (dataset: WatchedDataset) => void): () => void {
    this.#listeners.add(listener);
    if (this.looked) listener(this);
    return () => this.#listeners.delete(listener);
  }

  async recount(): Promise<void> {
    await this.index.forget();
    await this.#refresh();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#notifier?.close();
  }

  /** The directory is watched, not the file: a replaced file has another inode. A missing directory is left to the poll. */
  #notify(): void {
    try {
      this.#notifier = watch(dirname(this.index.file), () => this.#look('notified'));
      this.#notifier.on('error', () => {
        this.#notifier?.close();
        this.#notifier = undefined;
      });
    } catch {
      this.#notifier = undefined;
    }
  }

  #look(cause: 'notified' | 'polled'): void {
    if (this.#closed) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#looking = true;
    if (this.#notifier === undefined) this.#notify();
    const settles = this.index.unsettled;
    void this.#refresh().then((changed) => {
      this.#looking = false;
      if (changed && cause === 'polled' && !settles) this.#alertUntil = performance.now() + alertForMs;
      if (!this.#closed) this.#timer = setTimeout(() => this.#look('polled'), this.#paceMs());
      if (!this.#again) return;
      this.#again = false;
      this.#look('notified');
    });
  }

  #paceMs(): number {
    const isCalm = this.#notifier !== undefined && this.problem === undefined && !this.index.unsettled;
    return isCalm && performance.now() >= this.#alertUntil ? pollMs.calm : pollMs.alert;
  }

  async #refresh(): Promise<boolean> {
    const [before, first] = [this.problem?.message, !this.looked];
    let changed = false;
    try {
      changed = await this.index.refresh();
      this.problem = undefined;
    } catch (error) {
      this.problem = unreadable(this.index.file, error);
    }
    this.looked = true;
    if (!changed && !first && this.problem?.message === before) return false;
    for (const listener of this.#listeners) listener(this);
    return true;
  }
}

function keyOf({ url, format }: DatasetSource): string {
  return JSON.stringify([url, format.toLowerCase()]);
}

function unreadable(file: string, error: unknown): Problem {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Record<string, string> = {
    ENOENT: `${file} does not exist on this node; create it, or correct spec.url`,
    EACCES: `${file} may not be read by the local controller; give it read permission`,
    EISDIR: `${file} is a directory; spec.url must name one index file`,
  };
  return {
    reason: 'DatasetUnreadable',
    message: known[code ?? ''] ?? (message.startsWith(file) ? message : `${file}: ${message}`),
  };
}
