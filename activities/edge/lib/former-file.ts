/**
 * A file as it was before a deployment replaced it, kept beside it until the deployment is known to have succeeded or failed. An attempt
 * that is made again after a crash finds what the first one has kept: the file itself is the new one by then.
 */
import { link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { copyFileAtomic, writeFileAtomic } from '../../../sdk/storage/index.ts';

export interface FormerFile {
  /** The file is as it was again, or not there, as it was not. */
  putBack(): Promise<void>;
  /** The new one is good. */
  forget(): Promise<void>;
}

/** `deployment` names what the file is replaced for: what another one has left behind is removed. */
export async function keepFormer(path: string, deployment: string): Promise<FormerFile> {
  const prefix = `.${basename(path)}.before-`;
  const folder = dirname(path);
  const kept = join(folder, `${prefix}${deployment}`);
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    if (name.startsWith(prefix) && name !== basename(kept)) await rm(join(folder, name), { force: true });
  }
  if (!(await exists(kept))) await keep(path, kept);
  return {
    async putBack() {
      const { size } = await stat(kept);
      await (size > 0 ? rename(kept, path) : rm(path, { force: true }));
      // Two names of one file, which nobody has replaced, stay two.
      await rm(kept, { force: true });
    },
    forget: () => rm(kept, { force: true }),
  };
}

/** Files are replaced by renaming, so that a second name keeps the old content. An empty file stands for one that is not there. */
async function keep(path: string, kept: string): Promise<void> {
  if (!(await exists(path))) return writeFileAtomic(kept, '');
  // Not every file system gives a file two names.
  await link(path, kept).catch(() => copyFileAtomic(path, kept));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
