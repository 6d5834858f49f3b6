import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { expect, test } from '@jest/globals';
import { deflateSync } from 'node:zlib';
import { largePayloads, leastBytes } from '../../../workers/lib/payloads.ts';

const clients = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    client: String(i),
    dataset: `data-${i}`,
    node: `edge-${i}`,
    state: 'Idle',
  }));
const payload = (value: unknown) => defaultPayloadConverter.toPayload(value);
const size = ({ data }: Payload) => data?.length ?? 0;

test('large payloads are compressed, and come back as they were', async () => {
  const given = payload(clients(10_000));
  const [sent] = await largePayloads.encode([given]);
  expect(size(given)).toBeGreaterThan(leastBytes);
  expect(size(sent as Payload)).toBeLessThan(size(given) / 4);
  expect(Buffer.from(sent?.metadata?.['encoding'] ?? []).toString()).toBe('binary/zlib');
  const [back] = await largePayloads.decode([sent as Payload]);
  expect(defaultPayloadConverter.fromPayload(back as Payload)).toEqual(clients(10_000));
});

test('small ones are left as people read them, in their order beside large ones', async () => {
  const [small, large] = [payload('a word'), payload(clients(10_000))];
  const sent = await largePayloads.encode([small, large, small]);
  expect([sent[0], sent[2]]).toEqual([small, small]);
  const back = await largePayloads.decode(sent);
  expect(back.map((one) => size(one))).toEqual([small, large, small].map(size));
});

test('what is no payload, or would fill the memory, is left for its reader to refuse', async () => {
  const metadata = { encoding: Buffer.from('binary/zlib') };
  for (const data of [Buffer.from('no zlib'), deflateSync(Buffer.alloc(65 * 1024 * 1024))]) {
    const [back] = await largePayloads.decode([{ metadata, data }]);
    expect(back).toEqual({ metadata, data });
    expect(() => defaultPayloadConverter.fromPayload(back as Payload)).toThrow('Unknown encoding: binary/zlib');
  }
});
