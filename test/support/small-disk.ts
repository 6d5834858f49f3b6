import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Why disks cannot be mounted here; undefined when they can. */
export function noSmallDisks(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux (tmpfs)';
  return process.getuid?.() === 0 ? undefined : 'needs root, to mount a small tmpfs';
}

/** A folder that is a disk of its own, of some MiB, and can be filled to the last byte. */
export class SmallDisk {
  readonly #folder: string;

  constructor(folder: string, megabytes: number) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  }

  get #ballast(): string {
    return join(this.#folder, '.ballast');
  }

  /** Said again, it takes what became free meanwhile. */
  fill(): void {
    const file = openSync(this.#ballast, 'a');
    try {
      // Ever smaller pieces, until not one byte fits.
      for (let size = 1 << 20; size >= 1; size = size >> 2) {
        const piece = Buffer.alloc(size);
        while (fits(file, piece));
      }
    } finally {
      closeSync(file);
    }
  }

  free(): void {
    rmSync(this.#ballast, { force: true });
  }

  close(): void {
    run('umount', ['-l', this.#folder]);
  }
}

function fits(file: number, piece: Buffer): boolean {
  try {
    return writeSync(file, piece) === piece.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

function run(command: string, args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
