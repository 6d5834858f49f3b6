/**
 * How what workflows are given and tell travels. A payload of Temporal may be 2 MiB, a message 4 MB; what jobs of thousands of clients remember is more, but says
 * the same again and again: it is compressed. Small payloads, which people read in the Web UI and with `temporal`, stay as they are.
 *
 * In the form of the ZlibCodec of Temporal's Go SDK (`binary/zlib`: the payload, as protobuf, through zlib), so that its codec servers can read it.
 * All processes of an installation need it: each Client and each Temporal worker is made with {@link dataConverter}.
 */
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { promisify } from 'node:util';
import { deflate, inflate } from 'node:zlib';

const compress = promisify(deflate);
const decompress = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(inflate);

/** What is shorter is left alone. */
export const leastBytes = 64 * 1024;
/** Of one payload: nobody of ours makes larger ones. */
const mostBytes = 64 * 1024 * 1024;

const encoding = 'binary/zlib';
const { Payload: message } = proto.temporal.api.common.v1;

export const largePayloads: PayloadCodec = {
  encode: (payloads) => Promise.all(payloads.map(encodeOne)),
  decode: (payloads) => Promise.all(payloads.map(decodeOne)),
};

export const dataConverter: DataConverter = { payloadCodecs: [largePayloads] };

async function encodeOne(payload: Payload): Promise<Payload> {
  if ((payload.data?.length ?? 0) < leastBytes) return payload;
  const data = await compress(message.encode(payload).finish(), { level: 1 });
  return { metadata: { encoding: Buffer.from(encoding) }, data };
}

/** What it cannot read stays as it is, for whoever wants the value to refuse: here an error would block a whole task of a workflow. */
async function decodeOne(payload: Payload): Promise<Payload> {
  const { metadata, data } = payload;
  if (Buffer.from(metadata?.['encoding'] ?? []).toString() !== encoding) return payload;
  try {
    return message.decode(await decompress(data ?? new Uint8Array(), { maxOutputLength: mostBytes }));
  } catch {
    return payload;
  }
}
