import { afterEach, expect, test } from '@jest/globals';
import { performance } from 'node:perf_hooks';
import { PNG } from 'pngjs';
import { PixelsClient } from '../../../../sdk/features/joint-inference/pixels-client.ts';
import { pngOf } from '../../serving/support/images.ts';

const clients: PixelsClient[] = [];
afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));

function started(): PixelsClient {
  const client = new PixelsClient();
  clients.push(client);
  return client;
}

const pixel = (value: number) => pngOf({ width: 1, height: 1, data: [value, value, value] });
const blank = (width: number, height: number) => PNG.sync.write(new PNG({ width, height }));
const patient = () => AbortSignal.timeout(30_000);
const textOf = async (client: PixelsClient, file: Uint8Array, signal = patient()) =>
  Buffer.from(await client.textOf(file, signal)).toString();

test('its process answers others meanwhile', async () => {
  const client = started();
  await client.textOf(pixel(1), patient());
  const file = blank(1920, 1080);
  const before = performance.eventLoopUtilization();
  const text = await client.textOf(file, patient());
  const { utilization } = performance.eventLoopUtilization(before);
  expect(text.length).toBe(1080 * (1920 * '[0,0,0],'.length + 2) + 1);
  expect(utilization).toBeLessThan(0.85);
});

test('each has its own, in any number at once; a file is the caller’s as before', async () => {
  const client = started();
  const apart = Array.from({ length: 8 }, (_, i) => pixel(i));
  const { buffer } = new Uint8Array(Buffer.concat(apart));
  let at = 0;
  const files = apart.map(({ length }) => new Uint8Array(buffer, (at += length) - length, length));
  const texts = await Promise.all(files.map((file) => textOf(client, file)));
  expect(texts).toEqual(Array.from({ length: 8 }, (_, i) => `[[[${i},${i},${i}]]]`));
  expect(files.map((file) => Buffer.from(file))).toEqual(apart);
});

test('a refusal is about its file alone', async () => {
  const client = started();
  const refused = [Buffer.from('gif'), blank(1536, 1536)].map((file) => client.textOf(file, patient()));
  const answers = await Promise.allSettled([...refused, textOf(client, pixel(3))]);
  expect(answers).toMatchObject([
    { reason: { refused: true, message: 'the image is neither JPEG nor PNG' } },
    {
      reason: { refused: true, message: expect.stringMatching(/^the image has 1536 × 1536 pixels, .*make it smaller/) },
    },
    { value: '[[[3,3,3]]]' },
  ]);
});

test('who has gone is left out; more than may wait is told at once', async () => {
  const client = started();
  const gone = new AbortController();
  const waiting = Array.from({ length: 256 }, () => client.textOf(pixel(1), gone.signal));
  await expect(client.textOf(pixel(1), patient())).rejects.toMatchObject({
    refused: false,
    message: '256 images wait already for the big model',
  });
  const reason = new Error('gone');
  gone.abort(reason);
  const ended = await Promise.allSettled(waiting);
  expect(ended).toContainEqual({ status: 'rejected', reason });
  expect(await textOf(client, pixel(2))).toBe('[[[2,2,2]]]');
});

test('after it was closed another image starts it again', async () => {
  const client = started();
  const under = textOf(client, pixel(1));
  await client.close();
  expect(await under).toBe('[[[1,1,1]]]');
  expect(await textOf(client, pixel(2))).toBe('[[[2,2,2]]]');
});
