/** Updates of a global model with `a` F32 [2, 3] and `b` F32 [3]: good ones, and each of them wrong in one way. */
type Header = Record<string, unknown>;

export interface MadeUpdate {
  bytes: Buffer;
  samples?: unknown;
  /** What the client says of the file. */
  declared?: { bytes?: number; sha256?: string };
  identity?: Partial<{ run: string; round: number; client: string; node: string; attempt: number }>;
  /** Clients whose updates count already. */
  taken?: string[];
}

const a = Float32Array.of(1, 2, 3, 4, 5, 6);
const b = Float32Array.of(-1, 0, 1);
const data = Buffer.concat([bytesOf(a), bytesOf(b)]);
const usual: Header = { a: tensor([2, 3], 0, 24), b: tensor([3], 24, 36) };

export const globalUpdate = file(usual, data);

export const made: Record<string, () => MadeUpdate> = {
  canonical: () => ({ bytes: globalUpdate }),
  'other order of tensors': () => ({
    bytes: file({ b: tensor([3], 0, 12), a: tensor([2, 3], 12, 36) }, Buffer.concat([bytesOf(b), bytesOf(a)])),
  }),
  'with metadata': () => ({ bytes: file({ __metadata__: { format: 'pt' }, ...usual }, data) }),
  'minus zero and denormals': () => ({ bytes: file(usual, values(-0, 1e-45, -1e-40)) }),
  'largest finite values': () => ({ bytes: file(usual, values(3.4e38, -3.4e38)) }),
  'quiet NaN': () => ({ bytes: file(usual, patched(0x7fc00000)) }),
  'signalling NaN': () => ({ bytes: file(usual, patched(0x7f800001)) }),
  'NaN with a payload': () => ({ bytes: file(usual, patched(0xffc0beef)) }),
  infinite: () => ({ bytes: file(usual, patched(0x7f800000)) }),
  'negatively infinite': () => ({ bytes: file(usual, patched(0xff800000)) }),
  empty: () => ({ bytes: Buffer.alloc(0) }),
  'seven bytes': () => ({ bytes: Buffer.alloc(7) }),
  'not a tensor file': () => ({ bytes: Buffer.from('PK\u0003\u0004 an archive that somebody has renamed') }),
  pickle: () => ({ bytes: Buffer.from('\u0080\u0004\u0095cposix\nsystem\n(S"id"\ntR.', 'latin1') }),
  'header of 2^63 bytes': () => ({ bytes: prefixed(1n << 63n, '{}') }),
  'header of 100 MB': () => ({ bytes: prefixed(100_000_000n, '{}') }),
  'header longer than the file': () => ({ bytes: prefixed(4_096n, '{}') }),
  'header is no JSON': () => ({ bytes: raw('{"a":', data) }),
  'header is a list': () => ({ bytes: raw('[]', data) }),
  'header names a tensor twice': () => ({
    bytes: raw(`{"a":${JSON.stringify(usual['a'])},"a":${JSON.stringify(usual['a'])}}`, data),
  }),
  'tensor without shape': () => ({ bytes: file({ ...usual, b: { dtype: 'F32', data_offsets: [24, 36] } }, data) }),
  'shape is negative': () => ({ bytes: file({ ...usual, b: tensor([-3], 24, 36) }, data) }),
  'shape is no integer': () => ({ bytes: file({ ...usual, b: tensor([1.5], 24, 36) }, data) }),
  'shape overflows': () => ({ bytes: file({ ...usual, b: tensor([2 ** 31, 2 ** 31], 24, 36) }, data) }),
  'rank 64': () => ({
    bytes: file(
      {
        ...usual,
        b: tensor(
          Array.from({ length: 64 }, () => 1),
          24,
          36,
        ),
      },
      data,
    ),
  }),
  'dtype nobody knows': () => ({ bytes: file({ ...usual, b: { ...(usual['b'] as Header), dtype: 'C64' } }, data) }),
  'offsets overlap': () => ({ bytes: file({ ...usual, b: tensor([3], 12, 24) }, data) }),
  'offsets leave a gap': () => ({
    bytes: file({ ...usual, b: tensor([3], 28, 40) }, Buffer.concat([data, Buffer.alloc(4)])),
  }),
  'offsets run backwards': () => ({ bytes: file({ ...usual, b: tensor([3], 36, 24) }, data) }),
  'offsets leave the file': () => ({ bytes: file({ ...usual, b: tensor([3], 24, 1e9) }, data) }),
  'one byte too few': () => ({ bytes: file(usual, data).subarray(0, -1) }),
  'one byte too many': () => ({ bytes: Buffer.concat([file(usual, data), Buffer.alloc(1)]) }),
  'bytes do not fit the shape': () => ({ bytes: file({ ...usual, b: tensor([4], 24, 36) }, data) }),
  'dtype F64': () => ({
    bytes: file(
      { a: tensor([2, 3], 0, 24), b: { dtype: 'F64', shape: [3], data_offsets: [24, 48] } },
      Buffer.concat([bytesOf(a), Buffer.alloc(24)]),
    ),
  }),
  'dtype I32': () => ({ bytes: file({ ...usual, b: { dtype: 'I32', shape: [3], data_offsets: [24, 36] } }, data) }),
  'transposed shape': () => ({ bytes: file({ ...usual, a: tensor([3, 2], 0, 24) }, data) }),
  'shape that would broadcast': () => ({ bytes: file({ ...usual, b: tensor([1, 3], 24, 36) }, data) }),
  'rank 0': () => ({ bytes: file({ a: tensor([2, 3], 0, 24), b: tensor([], 24, 28) }, data.subarray(0, 28)) }),
  'zero elements': () => ({ bytes: file({ a: tensor([2, 3], 0, 24), b: tensor([0], 24, 24) }, data.subarray(0, 24)) }),
  'tensor missing': () => ({ bytes: file({ a: usual['a'] }, data.subarray(0, 24)) }),
  'tensor renamed': () => ({ bytes: file({ a: usual['a'], c: usual['b'] }, data) }),
  'one tensor more': () => ({
    bytes: file({ ...usual, c: tensor([1], 36, 40) }, Buffer.concat([data, Buffer.alloc(4)])),
  }),
  'named __proto__': () => ({
    bytes: raw(`{"__proto__":${JSON.stringify(usual['a'])},"b":${JSON.stringify(usual['b'])}}`, data),
  }),
  'samples absent': () => ({ bytes: globalUpdate, samples: null }),
  'samples zero': () => ({ bytes: globalUpdate, samples: 0 }),
  'samples negative': () => ({ bytes: globalUpdate, samples: -5 }),
  'samples a fraction': () => ({ bytes: globalUpdate, samples: 0.5 }),
  'samples a text': () => ({ bytes: globalUpdate, samples: '10' }),
  'samples absurd': () => ({ bytes: globalUpdate, samples: 1e308 }),
  'samples beyond the dataset': () => ({ bytes: globalUpdate, samples: 1_000 }),
  'bytes declared wrongly': () => ({ bytes: globalUpdate, declared: { bytes: globalUpdate.length + 1 } }),
  'digest declared wrongly': () => ({ bytes: globalUpdate, declared: { sha256: '0'.repeat(64) } }),
  'of another job': () => ({ bytes: globalUpdate, identity: { run: 'another run' } }),
  'of the round before': () => ({ bytes: globalUpdate, identity: { round: 1 } }),
  'of a round to come': () => ({ bytes: globalUpdate, identity: { round: 3 } }),
  'of another client': () => ({ bytes: globalUpdate, identity: { client: '01' } }),
  'of another node': () => ({ bytes: globalUpdate, identity: { node: 'edge-2' } }),
  'of an earlier attempt': () => ({ bytes: globalUpdate, identity: { attempt: 1 } }),
  'a second one of the same client': () => ({ bytes: globalUpdate, taken: ['00'] }),
};

function tensor(shape: number[], begin: number, end: number): Header {
  return { dtype: 'F32', shape, data_offsets: [begin, end] };
}

function file(header: Header, tensors: Buffer): Buffer {
  return raw(JSON.stringify(header), tensors);
}

function raw(header: string, tensors: Buffer): Buffer {
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8, ' ');
  return Buffer.concat([prefixed(BigInt(padded.length), padded), tensors]);
}

function prefixed(length: bigint, header: string): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length);
  return Buffer.concat([prefix, Buffer.from(header)]);
}

function values(...first: number[]): Buffer {
  const changed = Float32Array.from(a);
  changed.set(first);
  return Buffer.concat([bytesOf(changed), bytesOf(b)]);
}

/** The bit pattern in the place of the second element of `a`. */
function patched(bits: number): Buffer {
  const changed = Buffer.from(data);
  changed.writeUInt32LE(bits >>> 0, 4);
  return changed;
}

function bytesOf(floats: Float32Array): Buffer {
  return Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength);
}
