import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileAtomic } from '../../../sdk/storage/index.ts';
import type { Owner } from '../../../workflows/lib/ids.ts';

/** Tells whose a folder is when nobody remembers a worker of it. */
const ownerFile = 'owner.json';

/** What the workers of a service keep on this node beyond their own lives; removed with their owner. */
export function serviceState(stateDir: string, { uid }: Pick<Owner, 'uid'>): string {
  return join(folderOf(stateDir), uid.replace(/[^A-Za-z0-9._-]/g, '_'));
}

/** Of one set of it: its replicas share it, and the next ones find it. */
export function setState(stateDir: string, owner: Pick<Owner, 'uid'>, role: string): string {
  return join(serviceState(stateDir, owner), role);
}

export async function noteOwner(stateDir: string, owner: Owner): Promise<void> {
  const file = join(serviceState(stateDir, owner), ownerFile);
  if (!existsSync(file)) await writeFileAtomic(file, JSON.stringify(owner), { flush: false });
}

/** Whose folders there are; without those that do not say. */
export async function notedOwners(stateDir: string): Promise<Owner[]> {
  const folders = await readdir(folderOf(stateDir)).catch(() => []);
  const owners: Owner[] = [];
  for (const name of folders) {
    const owner = await readOwner(join(folderOf(stateDir), name, ownerFile));
    if (owner !== undefined && basename(serviceState(stateDir, owner)) === name) owners.push(owner);
  }
  return owners;
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    const { kind, namespace, name, uid } = JSON.parse(await readFile(file, 'utf8')) as Partial<Owner>;
    if (typeof kind !== 'string' || typeof namespace !== 'string' || typeof name !== 'string') return undefined;
    return typeof uid === 'string' ? { kind, namespace, name, uid } : undefined;
  } catch {
    return undefined;
  }
}

function folderOf(stateDir: string): string {
  return join(stateDir, 'services');
}
