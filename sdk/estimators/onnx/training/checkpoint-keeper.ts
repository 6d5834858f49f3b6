import { messageOf } from '../errors.ts';
import { readCheckpoint, removeCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { Position } from './checkpoint.ts';
import type { TrainingState } from './state.ts';

export interface KeeperOptions {
  /** Left out: nothing is kept. */
  path?: string;
  /** Both may be given; whichever comes first. */
  every: { seconds?: number; steps?: number };
  state: TrainingState;
  tell: (message: string) => Promise<void>;
}

/** Keeps the checkpoint of one training. Failures to write or remove it are told and never end the training. */
export class CheckpointKeeper {
  readonly #options: KeeperOptions;
  #digest = '';
  #saved = { at: performance.now(), step: 0 };

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** The position to go on from, with the state filled in; undefined to start afresh. */
  async resume(digest: () => string, expected: ReadonlyMap<string, number>): Promise<Position | undefined> {
    const { path, state, tell } = this.#options;
    if (path === undefined) return undefined;
    this.#digest = digest();
    const resume = await readCheckpoint(path, this.#digest, state, expected);
    if (!resume) return undefined;
    if ('ignored' in resume) {
      await tell(`checkpoint ${path} is ignored: ${resume.ignored}`);
      return undefined;
    }
    this.#saved.step = resume.position.step;
    return resume.position;
  }

  /** Writes the checkpoint if it is due, or at once. */
  async offer(position: Position, atOnce: boolean): Promise<void> {
    const { path, every, state, tell } = this.#options;
    if (path === undefined) return;
    const { seconds = Infinity, steps = Infinity } = every;
    const age = performance.now() - this.#saved.at;
    if (!atOnce && age < seconds * 1000 && position.step - this.#saved.step < steps) return;
    try {
      await writeCheckpoint(path, this.#digest, position, state);
    } catch (error) {
      // A full disk costs the chance to resume, not the training; the next checkpoint tries again.
      await tell(`checkpoint ${path} cannot be written: ${messageOf(error)}`);
    }
    this.#saved = { at: performance.now(), step: position.step };
  }

  /** Removes the checkpoint. One that stays is harmless: the same training would go on from it to the same end. */
  async discard(): Promise<void> {
    const { path, tell } = this.#options;
    if (path === undefined) return;
    try {
      await removeCheckpoint(path);
    } catch (error) {
      await tell(`checkpoint ${path} cannot be removed: ${messageOf(error)}`);
    }
  }
}
