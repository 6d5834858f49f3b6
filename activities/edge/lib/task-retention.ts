/** What a node keeps of the tasks of a worker: those under way, and the last answers, for an activity that is tried again. */
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { withTensors } from '../../../sdk/tensors/index.ts';
import type { TaskFiles } from '../tasks.ts';

/** Answers that are kept beside the present task. */
const keptAnswers = 2;

/** Directories of answered tasks of the same worker, newest first. */
async function answeredBeside(files: TaskFiles): Promise<string[]> {
  const found: { directory: string; at: number }[] = [];
  for (const directory of await directoriesBeside(files)) {
    const answer = await stat(join(directory, basename(files.answer))).catch(() => undefined);
    if (answer !== undefined) found.push({ directory, at: answer.mtimeMs });
  }
  return found.sort((a, b) => b.at - a.at).map(({ directory }) => directory);
}

/** The update that the worker handed over last, before this task. */
export async function previousUpdate(files: TaskFiles): Promise<string | undefined> {
  for (const directory of await answeredBeside(files)) {
    const update = join(directory, basename(files.update));
    if (directory !== files.directory && (await isWhole(update))) return update;
  }
  return undefined;
}

/** A power cut may have cut what was not flushed. */
async function isWhole(update: string): Promise<boolean> {
  return withTensors(update, async () => true).catch(() => false);
}

/** Removes what nobody will ask for: all but this task, the last answers, and those that `keep` names. */
export async function pruneTasks(files: TaskFiles, keep: readonly TaskFiles[]): Promise<void> {
  const answered = (await answeredBeside(files)).filter((directory) => directory !== files.directory);
  const kept = new Set([files, ...keep].map(({ directory }) => directory));
  for (const directory of answered.slice(0, keptAnswers)) kept.add(directory);
  for (const directory of await directoriesBeside(files)) {
    if (!kept.has(directory)) await rm(directory, { recursive: true, force: true }).catch(unlessWritten);
  }
}

/** A worker that is about to let go of a task may still write to it: what is left goes with the next one. */
function unlessWritten(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOTEMPTY') throw error;
}

async function directoriesBeside({ directory }: TaskFiles): Promise<string[]> {
  const parent = dirname(directory);
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(parent, name));
}
