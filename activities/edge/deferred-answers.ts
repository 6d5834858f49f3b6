/** Deferred answers go along when a service moves: from the node that it left, as blobs, to the one where it is now. */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { deferredFolder, inheritedFolder, storeFiles } from '../../sdk/features/joint-inference/deferred/inherited.ts';
import type { DeferredStoreFiles, StateOfSet, WorkerSetResidents } from '../contracts.ts';
import { namingFullDisk } from '../lib/failure.ts';
import { beating } from './lib/resident.ts';
import { setState } from './lib/service-state.ts';
import type { WorkerDependencies } from './worker.ts';

export type Dependencies = Pick<WorkerDependencies, 'blobs' | 'stateDir'>;

export function createDeferredActivities(
  deps: Dependencies,
): Pick<WorkerSetResidents, 'packDeferred' | 'unpackDeferred' | 'dropDeferred'> {
  return {
    packDeferred: (input) => beating(() => pack(deps, input)),
    unpackDeferred: (input) => beating(() => namingFullDisk(() => unpack(deps, input))),
    dropDeferred: (input) => beating(() => drop(deps, input)),
  };
}

const folderOf = ({ stateDir }: Dependencies, { owner, role }: StateOfSet): string =>
  join(setState(stateDir, owner, role), deferredFolder);

const packedOf = (deps: Dependencies, set: StateOfSet): string => `${folderOf(deps, set)}.packed`;

/** Set aside first: should the set come back meanwhile, its workers begin a store of their own, and get this one as any other node would. */
export async function pack(deps: Dependencies, set: StateOfSet & { isBack: boolean }): Promise<DeferredStoreFiles[]> {
  const packed = packedOf(deps, set);
  if (!(await isThere(packed))) {
    const folder = folderOf(deps, set);
    if (set.isBack || !(await isThere(folder))) return [];
    await rename(folder, packed);
  }
  const inherited = join(packed, inheritedFolder);
  // What the set had been brought itself and not taken in yet.
  const brought = (await readdir(inherited).catch(() => [])).filter((name) => !name.includes('.'));
  const stores: DeferredStoreFiles[] = [];
  for (const folder of [packed, ...brought.map((name) => join(inherited, name))]) {
    const files: DeferredStoreFiles['files'] = [];
    for (const name of storeFiles) {
      const file = join(folder, name);
      if (await isThere(file)) files.push({ name, blob: await deps.blobs.put({ file }) });
    }
    if (files.length > 0) stores.push({ files });
  }
  if (stores.length > 0) return stores;
  await rm(packed, { recursive: true });
  return pack(deps, set);
}

export async function unpack(deps: Dependencies, { stores, ...set }: StateOfSet & { stores: DeferredStoreFiles[] }) {
  for (const { files } of stores) {
    const [store] = files;
    if (store === undefined) continue;
    const folder = join(folderOf(deps, set), inheritedFolder, store.blob.sha256);
    if (await isThere(folder)) continue;
    const part = `${folder}.part`;
    await rm(part, { recursive: true, force: true });
    for (const { name, blob } of files) await deps.blobs.fetchTo(blob, join(part, name));
    await mkdir(dirname(folder), { recursive: true });
    await rename(part, folder);
  }
}

export async function drop(deps: Dependencies, set: StateOfSet): Promise<void> {
  await rm(packedOf(deps, set), { recursive: true, force: true });
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
