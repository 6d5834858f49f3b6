/** Answers beside the files that they speak of: a worker that dies between its work and its answer does not work again. */
import { readFile, stat } from 'node:fs/promises';
import { writeFileAtomic } from '../../storage/files.ts';
import { taskResult } from '../../worker/task-protocol.ts';
import type { CompletedTask, WorkerTask } from '../../worker/task-protocol.ts';

interface Record {
  id: string;
  bytes: number;
  result: CompletedTask;
}

const recordOf = (file: string) => `${file}.answer.json`;

/** Called when the file of the answer is whole and on disk. */
export async function keep({ id, output = '' }: WorkerTask, result: CompletedTask): Promise<void> {
  const { size } = await stat(output);
  // Not flushed, other than the file of the answer: without a record the work is done again.
  await writeFileAtomic(recordOf(output), JSON.stringify({ id, bytes: size, result } satisfies Record), {
    flush: false,
  });
}

/** What was answered to this very task, if its file is still there. */
export async function kept({ id, output }: WorkerTask): Promise<CompletedTask | undefined> {
  if (output === undefined) return undefined;
  try {
    const record = JSON.parse(await readFile(recordOf(output), 'utf8')) as Partial<Record>;
    const result = taskResult.parse(record.result);
    const { size } = await stat(output);
    return record.id === id && record.bytes === size && result.status === 'completed' ? result : undefined;
  } catch {
    return undefined; // none, or not whole: the work is done again
  }
}
