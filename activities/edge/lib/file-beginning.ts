import type { FileHandle } from 'node:fs/promises';
import { MAX_RECORD_BYTES } from '../../../sdk/datasources/record.ts';

/** The first line and something of the second, as far as a record may be long. */
export async function fileBeginning(handle: FileHandle): Promise<string> {
  const bytes = Buffer.alloc(64 * 1024);
  let head = '';
  while (head.length <= MAX_RECORD_BYTES) {
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, head.length);
    head += bytes.toString('latin1', 0, bytesRead);
    if (bytesRead === 0 || /\n\s*\S/.test(head.slice(-bytes.length))) break;
  }
  return Buffer.from(head, 'latin1').toString('utf8');
}
