/** Child process: one `update_weight` frame from standard input to a canonical safetensors file. */
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { answerOnce } from '../../../../activities/edge/children/lib.ts';
import { writing, type WrittenTensors } from '../../../../sdk/tensors/index.ts';
import { exceedsReply, surelyExceeds, tooLarge } from '../reply-text.ts';
import { FrameMalformed, UpdateRefused } from '../frame-errors.ts';
import { layerName, UpdateParser, type ParsedFrame } from '../update-parser.ts';
import type { Problem } from '../../../../workflows/lib/failures.ts';

export interface ReadUploadInput {
  out: string;
  /** For the numbers until their shapes are known. */
  scratch: string;
  /** Bytes that the trainer can be sent. */
  replyBytes: number;
}

export type ReadUploadOutput =
  | { malformed: string }
  | { refused: Problem; fields?: Record<string, unknown> }
  | { fields: Record<string, unknown>; file: string; sha256: string };

const copyElements = 1 << 20;

answerOnce(async (input: ReadUploadInput): Promise<ReadUploadOutput> => {
  const handle = await open(input.scratch, 'w+');
  try {
    return await read(input, handle);
  } catch (error) {
    if (error instanceof FrameMalformed) return { malformed: error.message };
    if (error instanceof UpdateRefused) return { refused: { reason: error.reason, message: error.message } };
    throw error;
  } finally {
    await handle.close();
    await rm(input.scratch, { force: true });
  }
});

async function read(input: ReadUploadInput, handle: FileHandle): Promise<ReadUploadOutput> {
  const parser = new UpdateParser();
  let elements = 0;
  for await (const chunk of process.stdin) {
    parser.push(chunk as Buffer);
    const values = parser.take();
    elements += values.length;
    if (surelyExceeds(elements, input.replyBytes)) return { refused: tooLarge(input.replyBytes) };
    let done = 0;
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    while (done < bytes.length) done += (await handle.write(bytes, done)).bytesWritten;
  }
  const frame = parser.end();
  const { fields } = frame;
  if (frame.shapes === undefined) {
    return { refused: { reason: 'NotTensors', message: 'data.weights is no list of layers' }, fields };
  }
  const { path, sha256 } = await store(input.out, frame.shapes, handle);
  if (await exceedsReply(path, input.replyBytes)) return { refused: tooLarge(input.replyBytes), fields };
  return { fields, file: path, sha256 };
}

/** Numbers lie one after the other in the scratch file, layer by layer, which is also the order of the names. */
function store(out: string, shapes: NonNullable<ParsedFrame['shapes']>, handle: FileHandle): Promise<WrittenTensors> {
  const layouts = shapes.map((shape, i) => ({ name: layerName(i), dtype: 'F32' as const, shape }));
  return writing(out, layouts, async (writer) => {
    const buffer = Buffer.allocUnsafeSlow(4 * copyElements);
    let position = 0;
    for (const { name, elements } of writer.entries) {
      for (let start = 0; start < elements; start += copyElements) {
        const bytes = 4 * Math.min(copyElements, elements - start);
        let done = 0;
        while (done < bytes) {
          const { bytesRead } = await handle.read(buffer, done, bytes - done, position + done);
          if (bytesRead === 0) throw new Error(`${out}: its numbers were cut while they were read`);
          done += bytesRead;
        }
        await writer.write(name, start, buffer.subarray(0, bytes));
        position += bytes;
      }
    }
  });
}
