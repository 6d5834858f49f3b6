/** Stores of the nodes where a service was before: its local controller brings them, its workers take them in. */
import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DeferredStoreClient } from './store-client.ts';

/** In the folder of a service's state: where the store of its deferred answers is. */
export const deferredFolder = 'deferred';
/** The store; while a change was under way when its last user ended, with the journal that undoes it. */
export const storeFiles = ['deferred.sqlite', 'deferred.sqlite-journal'] as const;
/** Beside the store: a folder for each one that was brought, of a name that is its alone. A name with a dot is not complete, or not readable. */
export const inheritedFolder = 'inherited';

/** Whether a store was brought there that nobody has taken in. */
export function isBrought(folder: string): boolean {
  return existsSync(path.join(folder, inheritedFolder));
}

/** True: there was one. Several replicas may do it at a time. One that cannot be taken in is told of and holds up no other. */
export async function takeIn(
  folder: string,
  store: Pick<DeferredStoreClient, 'call'>,
  onProblem: (problem: Error) => void,
): Promise<boolean> {
  const all = path.join(folder, inheritedFolder);
  const names = (await readdir(all).catch(() => [])).filter((name) => !name.includes('.'));
  for (const name of names) await takeInOne(path.join(all, name), store).catch(onProblem);
  return names.length > 0;
}

async function takeInOne(folder: string, store: Pick<DeferredStoreClient, 'call'>): Promise<void> {
  let damage: string | undefined;
  try {
    damage = await store.call('adopt', path.join(folder, storeFiles[0]), path.basename(folder));
    if (damage === undefined) await rm(folder, { recursive: true, force: true });
    // What is left of it is for people; the service goes on.
    else await rename(folder, `${folder}.damaged`);
  } catch (error) {
    if (existsSync(folder)) throw error;
    // Another replica was quicker.
    return;
  }
  if (damage !== undefined)
    throw new Error(`${folder} cannot be taken in, it is set aside as ${folder}.damaged: ${damage}`);
}
