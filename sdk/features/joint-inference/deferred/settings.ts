/** What applied when requests were last promised an answer: it goes on applying to them where nothing is promised any more. */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { inheritedFolder, isBrought, storeFiles } from './inherited.ts';

export interface DeferredSettings {
  quotaBytes: number;
  maxAgeMs: number;
  callbackHosts?: readonly string[];
}

const busyMs = 1_000;

/** Of the store of a folder, else of one that was brought there. */
export function settingsOf(folder: string): DeferredSettings | undefined {
  const all = path.join(folder, inheritedFolder);
  const brought = existsSync(all) ? readdirSync(all).map((name) => path.join(all, name)) : [];
  for (const one of [folder, ...brought]) {
    const found = readSettings(path.join(one, storeFiles[0]));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether requests may wait there, or are on their way to their end. */
export function isInUse(folder: string): boolean {
  return existsSync(path.join(folder, storeFiles[0])) || isBrought(folder);
}

/** Writable: a journal that a killed worker left is played back first. */
function readSettings(file: string): DeferredSettings | undefined {
  if (!existsSync(file)) return undefined;
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: busyMs });
    const row = database.prepare('SELECT value FROM settings').get() as { value: string } | undefined;
    return row && (JSON.parse(row.value) as DeferredSettings);
  } catch {
    // A damaged one is told of by whoever opens it to work with it.
    return undefined;
  } finally {
    database?.close();
  }
}
