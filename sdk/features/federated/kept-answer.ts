/** Answers beside the files that they speak of: a worker that dies between its work and its answer does not work again. */
import { readFile, stat } from 'node:fs/promises';
import { bootId } from '../../storage/boot.ts';
import { writeFileAtomic } from '../../storage/files.ts';
import { taskResult } from '../../worker/task-protocol.ts';
import type { CompletedTask, WorkerTask } from '../../worker/task-protocol.ts';

interface Record {
  id: string;
  bytes: number;
  /** Since which start of the machine the file is there: before it was put on disk, a power cut may have spoilt it. */
  boot?: string | undefined;
  result: CompletedTask;
}

const recordOf = (file: string) => `${file}.answer.json`;

/** Called when the file of the answer is whole. */
export async function keep({ id, kind, output = '' }: WorkerTask, result: CompletedTask): Promise<void> {
  const { size } = await stat(output);
  const record: Record = { id, bytes: size, boot: bootOf(kind), result };
  // Without a record the work is done again.
  await writeFileAtomic(recordOf(output), JSON.stringify(record), { flush: record.boot === undefined });
}

/** What was answered to this very task, if its file is still there. */
export async function kept({ id, kind, output }: WorkerTask): Promise<CompletedTask | undefined> {
  if (output === undefined) return undefined;
  try {
    const record = JSON.parse(await readFile(recordOf(output), 'utf8')) as Partial<Record>;
    const result = taskResult.parse(record.result);
    const { size } = await stat(output);
    const isSame = record.id === id && record.bytes === size && record.boot === bootOf(kind);
    return isSame && result.status === 'completed' ? result : undefined;
  } catch {
    return undefined; // none, or not whole: the work is done again
  }
}

/** Features are flushed with their record: encoded again after a power cut they would carry other noise, and give away twice as much. */
function bootOf(kind: WorkerTask['kind']): string | undefined {
  return kind === 'encode' ? undefined : bootId();
}
