import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { OnnxError } from '../errors.ts';
import { writeFileAtomic } from '../../../storage/files.ts';

export interface TensorFile {
  metadata: Record<string, string>;
  tensors: Map<string, Float32Array>;
}

const ALIGNMENT = 8;
const HEADER_LIMIT = 64 * 1024 * 1024;

/** Writes named float32 vectors in the safetensors layout (8-byte header length, JSON header, data), with a digest of the data. */
export async function writeTensorFile(path: string, file: TensorFile): Promise<void> {
  const header: Record<string, unknown> = {};
  const chunks: Uint8Array[] = [];
  const hash = createHash('sha256');
  let offset = 0;
  for (const [name, data] of file.tensors) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    header[name] = { dtype: 'F32', shape: [data.length], data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
    chunks.push(bytes);
    hash.update(bytes);
  }
  header.__metadata__ = { ...file.metadata, sha256: hash.digest('hex') };
  const json = Buffer.from(JSON.stringify(header));
  const text = Buffer.concat([json, Buffer.alloc((ALIGNMENT - (json.length % ALIGNMENT)) % ALIGNMENT, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFileAtomic(path, Readable.from([length, text, ...chunks]));
}

/** Reads what `writeTensorFile` wrote. Throws, saying what is wrong, on any file that is not whole. */
export function parseTensorFile(bytes: Uint8Array): TensorFile {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.length >= 8 ? Number(view.readBigUInt64LE(0)) : 0;
  if (length === 0 || length > HEADER_LIMIT || 8 + length > view.length) throw damaged('its header is incomplete');
  const header = JSON.parse(view.toString('utf8', 8, 8 + length)) as Record<string, unknown>;
  const { sha256, ...metadata } = (header.__metadata__ ?? {}) as Record<string, string>;
  const data = view.subarray(8 + length);
  if (createHash('sha256').update(data).digest('hex') !== sha256) throw damaged('its digest does not match');
  const tensors = new Map<string, Float32Array>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [begin, end] = (entry as { data_offsets: [number, number] }).data_offsets;
    tensors.set(name, new Float32Array(new Uint8Array(data.subarray(begin, end)).buffer));
  }
  return { metadata, tensors };
}

function damaged(reason: string): OnnxError {
  return new OnnxError('InvalidModel', `the file is damaged: ${reason}`);
}
