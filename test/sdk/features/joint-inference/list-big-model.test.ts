import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { TierAnswer, type BigModel } from '../../../../sdk/features/joint-inference/big-model.ts';
import { listBigModel } from '../../../../sdk/features/joint-inference/list-big-model.ts';
import type { Tensors } from '../../../../sdk/index.ts';
import type { TensorInfo } from '../../../../sdk/tensor.ts';
import { pngOf } from '../../serving/support/images.ts';

const servers: Server[] = [];
const models: BigModel<Tensors, Tensors>[] = [];
afterEach(async () => {
  servers.splice(0).forEach((server) => server.close());
  for (const model of models.splice(0)) await model.close?.();
});

const boxes: TensorInfo[] = [
  { name: 'boxes', datatype: 'float32', shape: ['N', 1, 6] },
  { name: 'count', datatype: 'int32', shape: ['N'] },
];
const file = (data: Uint8Array): Tensors => ({ image: { datatype: 'string', shape: [1], data: [data] } });

function started(server: Server): BigModel<Tensors, Tensors> {
  const { port } = server.address() as AddressInfo;
  const model = listBigModel({ host: '127.0.0.1', port, service: 'helmets' }, () => boxes);
  models.push(model);
  return model;
}

/** A service that finds one box in whatever it is asked about, under one name. */
async function detector(name: string) {
  const asked: { url: string | undefined; data: unknown }[] = [];
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      asked.push({ url: request.url, data: (body as { data: unknown }).data });
      response.statusCode = request.url === `/${name}/predict` ? 200 : 404;
      response.end(JSON.stringify({ result: [[0, 0, 1, 1, 0.75, 2]] }));
    });
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return { asked, model: started(server) };
}

const options = () => ({ signal: AbortSignal.timeout(10_000) });

test('an image file goes there as pixels; boxes come back', async () => {
  const { asked, model } = await detector('helmets');
  const answer = await model.infer(file(pngOf({ width: 2, height: 1, data: [1, 2, 3, 4, 5, 6] })), options());
  expect(asked).toEqual([{ url: '/helmets/predict', data: [[[1, 2, 3], [4, 5, 6]]] }]); // prettier-ignore
  expect(answer).toEqual({
    boxes: { datatype: 'float32', shape: [1, 1, 6], data: Float32Array.of(0, 0, 1, 1, 0.75, 2) },
    count: { datatype: 'int32', shape: [1], data: Int32Array.of(1) },
  });
});

test('a service that does not know its name is asked as `sedna`, from then on at once', async () => {
  const { asked, model } = await detector('sedna');
  const feeds: Tensors = { x: { datatype: 'float32', shape: [1, 2], data: Float32Array.of(1, 2) } };
  for (let i = 0; i < 2; i++) await model.infer(feeds, options());
  expect(asked.map(({ url }) => url)).toEqual(['/helmets/predict', '/sedna/predict', '/sedna/predict']);
  expect(asked[2]?.data).toEqual([1, 2]);
});

test('no path known: the service is to blame; no image: refused, asking again does not help', async () => {
  const { model } = await detector('other');
  const png = pngOf({ width: 1, height: 1, data: [1, 2, 3] });
  const nowhere = {
    refused: false,
    unknown: true,
    message: expect.stringMatching(/helmets\/predict answered 404/) as unknown,
  };
  await expect(model.infer(file(png), options())).rejects.toMatchObject(nowhere);
  const broken = { refused: true, message: 'the image is neither JPEG nor PNG' };
  await expect(model.infer(file(Buffer.from('gif')), options())).rejects.toMatchObject(broken);
});

describe('asked about an image', () => {
  const png = () => file(pngOf({ width: 1, height: 1, data: [1, 2, 3] }));
  const within = () => ({ ...options(), withinMs: 5_000 });

  test('a tier is told its time, and says who answered', async () => {
    const parameters = { answered_by: 'region', degraded: false };
    const { bodies, model } = await answering(200, JSON.stringify({ result: [[0, 0, 1, 1, 0.75, 2]], parameters }));
    const answer = await model.infer(png(), within());
    expect(bodies).toEqual([{ data: [[[1, 2, 3]]], post_process: null, deadline_ms: expect.any(Number) }]);
    const { deadline_ms: told } = bodies[0] as { deadline_ms: number };
    expect(told > 0 && told <= 5_000 && Number.isInteger(told)).toBe(true);
    expect(answer).toBeInstanceOf(TierAnswer);
    expect(answer).toMatchObject({ origin: { answeredBy: 'region' }, answer: { count: { data: Int32Array.of(1) } } });
  });

  test('a service that does not know its name is asked as `sedna`', async () => {
    const { asked, model } = await detector('sedna');
    for (let i = 0; i < 2; i++) await model.infer(png(), options());
    expect(asked.map(({ url }) => url)).toEqual(['/helmets/predict', '/sedna/predict', '/sedna/predict']);
  });

  test.each([
    [503, 'busy', false, /answered 503 busy$/],
    [422, 'no', true, /answered 422 no$/],
    [200, '{}', false, /answered no \{"result": …\} but \{\}$/],
    [200, '{', false, /answered no \{"result": …\} but \{$/],
  ])('%i %s is no answer', async (status, text, refused, message) => {
    const { model } = await answering(status, text);
    await expect(model.infer(png(), within())).rejects.toMatchObject({
      name: 'BigModelError',
      refused,
      message: expect.stringMatching(message) as unknown,
    });
  });

  test('nobody there, or a caller who has gone', async () => {
    const { model } = await answering(200, '{}');
    servers.splice(0).forEach((server) => server.close());
    const unreachable = expect.stringMatching(/predict cannot be reached: /) as unknown;
    await expect(model.infer(png(), within())).rejects.toMatchObject({ refused: false, message: unreachable });
    const reason = new Error('gone');
    await expect(model.infer(png(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

async function answering(status: number, text: string) {
  const bodies: unknown[] = [];
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      bodies.push(body);
      response.writeHead(status, { connection: 'close' }).end(text);
    });
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return { bodies, model: started(server) };
}
