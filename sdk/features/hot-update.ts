import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** Content of the file that announces a new model; the version is any text that differs from the one before. */
const configSchema = z.object({
  model_config: z.object({ model_path: z.string().min(1), model_update_time: z.coerce.string() }),
});

/** A model that the local controller announced; undefined when there is none yet. Rejects when the file cannot be used. */
export async function announcedModel(configFile: string): Promise<{ path: string; version: string } | undefined> {
  try {
    const { model_config: config } = configSchema.parse(JSON.parse(await readFile(configFile, 'utf8')));
    return { path: config.model_path, version: config.model_update_time };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${configFile} cannot be used`, { cause: error });
  }
}

export interface HotUpdateOptions {
  /** File that the local controller replaces whenever a new model is there. */
  configFile: string;
  /** Time between two looks at it, in seconds, besides being told by the file system. */
  pollSeconds: number;
  /** Takes the model over. A rejection counts as done too: the version is not tried again. */
  apply: (modelPath: string, version: string) => Promise<void>;
  /** Told about files that cannot be read; the next look tries again. */
  onProblem: (problem: Error) => void;
}

/**
 * Watches the hot-update file and applies each new version once, one at a time. A file that exists at the start is applied.
 * File-system events give speed, the poll gives certainty: network volumes send no events.
 */
export class HotUpdate {
  private readonly options: HotUpdateOptions;
  private version: string | undefined;
  private looking: Promise<void> = Promise.resolve();
  private queued = false;
  private watcher: FSWatcher | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: HotUpdateOptions) {
    this.options = options;
  }

  start(): this {
    this.timer ??= setInterval(() => this.look(), this.options.pollSeconds * 1000);
    this.look();
    return this;
  }

  /** Stops watching; resolves when a version that is being applied is done. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    this.watcher?.close();
    this.watcher = undefined;
    await this.looking;
  }

  // At most one look runs and one waits: a waiting one sees everything that happens before it starts.
  private look(): void {
    if (this.queued) return;
    this.queued = true;
    this.looking = this.looking.then(async () => {
      this.queued = false;
      if (!this.timer) return;
      this.attach();
      await this.lookOnce();
    });
  }

  private async lookOnce(): Promise<void> {
    let announced: { path: string; version: string } | undefined;
    try {
      announced = await announcedModel(this.options.configFile);
    } catch (error) {
      this.options.onProblem(error as Error);
      return;
    }
    if (announced === undefined || announced.version === this.version) return;
    this.version = announced.version;
    try {
      await this.options.apply(announced.path, announced.version);
    } catch (error) {
      this.options.onProblem(error as Error);
    }
  }

  // The directory is watched, not the file, because the file is replaced by renaming.
  private attach(): void {
    if (this.watcher) return;
    const { dir, base } = path.parse(this.options.configFile);
    try {
      const watcher = watch(dir, (_event, name) => {
        if (name === null || name === base) this.look();
      });
      watcher.on('error', () => {
        watcher.close();
        this.watcher = undefined; // the next poll attaches again
      });
      this.watcher = watcher;
    } catch {
      // The directory is not there yet; the next poll tries again.
    }
  }
}
