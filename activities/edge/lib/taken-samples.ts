/** The samples of a round, read from the file as it is now and checked against what was counted. */
import { stat } from 'node:fs/promises';
import { problems, recordProblem } from '../../../sdk/datasources/record.ts';
import type { Take } from '../../../workflows/lib/samples.ts';
import type { DatasetSource } from '../../contracts.ts';
import { failure } from '../../lib/failure.ts';
import { eachRecord, type FileForm } from './first-records.ts';
import { nodePath } from './node-path.ts';
import { RecordLog } from './record-log.ts';
import { lineSplitter } from './records.ts';
import { mayBeRewritten } from './rewriting.ts';

export interface TakenSamples extends FileForm {
  samples: string[];
}

/**
 * Only what was counted is read: a line behind it may be half written or bad, and waits for its own round. Fails with `DatasetReplaced`
 * (for good), or with `DatasetUnreadable` (Temporal retries) if the file cannot be read or is being written anew. `waitedMs`: since when
 * the round has waited for it.
 */
export async function readTaken(source: DatasetSource, { from, to }: Take, waitedMs: number): Promise<TakenSamples> {
  const file = nodePath('spec.url of the Dataset', source.url);
  const format = source.format.toLowerCase();
  const log = new RecordLog();
  const samples: string[] = [];
  let last: Buffer = Buffer.alloc(0);
  let beforeLast: string | undefined;
  const form = await eachRecord({ file, format, n: to.samples }, (record, i) => {
    if (i === to.samples - 1) [last, beforeLast] = [record, log.digestAt(i)];
    log.add(record);
    if (i >= from) samples.push(record.toString('utf8'));
  }).catch((error: unknown) => {
    throw failure('DatasetUnreadable', (error as Error).message, error);
  });
  if (to.samples === 0 || log.digestAt(to.samples) === to.digest) return { ...form, samples };
  if (log.count < to.samples && mayBeRewritten(await stat(file), waitedMs)) {
    const message = `${file} has ${log.count} samples, ${to.samples} were counted: somebody is writing it anew`;
    throw failure('DatasetUnreadable', message);
  }
  // Its last line was counted before it was complete: still the same sample, if it has become one.
  const completed = beforeLast !== undefined && beforeLast === to.closedDigest;
  if (!completed) {
    const message = `${file} no longer begins with the ${to.samples} samples that were counted`;
    throw failure('DatasetReplaced', message);
  }
  const problem = recordProblem(last, format) ?? (isOpen(last, format) ? problems.openQuote : undefined);
  if (problem !== undefined) throw failure('DatasetUnreadable', `${file}: sample ${to.samples} ${problem}`);
  return { ...form, samples };
}

function isOpen(record: Buffer, format: string): boolean {
  if (format !== 'csv') return false;
  const splitter = lineSplitter(true);
  splitter.push(record);
  return splitter.open;
}
