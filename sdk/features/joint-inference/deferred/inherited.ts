/** Stores of the nodes where a service was before: its local controller brings them, its workers take them in. */
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DeferredStoreClient } from './store-client.ts';

/** In the folder of a service's state: where the store of its deferred answers is. */
export const deferredFolder = 'deferred';
/** The store; while a change was under way when its last user ended, with the journal that undoes it. */
export const storeFiles = ['deferred.sqlite', 'deferred.sqlite-journal'] as const;
/** Beside the store: a folder for each one that was brought, of a name that is its alone. A name with a dot is not complete, or not readable. */
export const inheritedFolder = 'inherited';

/** True: there was one. Several replicas may do it at a time. */
export async function takeIn(folder: string, store: Pick<DeferredStoreClient, 'call'>): Promise<boolean> {
  const all = path.join(folder, inheritedFolder);
  const names = (await readdir(all).catch(() => [])).filter((name) => !name.includes('.'));
  for (const name of names) {
    const one = path.join(all, name);
    try {
      await store.call('adopt', path.join(one, storeFiles[0]), name);
    } catch (error) {
      // What is left of it is for people; the service goes on.
      const isMine = await rename(one, `${one}.damaged`).then(
        () => true,
        () => false,
      );
      if (!isMine) continue;
      throw new Error(`${one} cannot be taken in, it is set aside as ${one}.damaged: ${(error as Error).message}`, {
        cause: error,
      });
    }
    await rm(one, { recursive: true, force: true });
  }
  return names.length > 0;
}
