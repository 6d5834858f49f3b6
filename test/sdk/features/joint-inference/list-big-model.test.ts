import { afterEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { listBigModel } from '../../../../sdk/features/joint-inference/list-big-model.ts';
import type { Tensors } from '../../../../sdk/index.ts';
import type { TensorInfo } from '../../../../sdk/tensor.ts';
import { pngOf } from '../../serving/support/images.ts';

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

const boxes: TensorInfo[] = [
  { name: 'boxes', datatype: 'float32', shape: ['N', 1, 6] },
  { name: 'count', datatype: 'int32', shape: ['N'] },
];
const file = (data: Uint8Array): Tensors => ({ image: { datatype: 'string', shape: [1], data: [data] } });

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
  const { port } = server.address() as AddressInfo;
  return { asked, model: listBigModel({ host: '127.0.0.1', port, service: 'helmets' }, () => boxes) };
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

test('no path known, no image: refused, asking again does not help', async () => {
  const { model } = await detector('other');
  const png = pngOf({ width: 1, height: 1, data: [1, 2, 3] });
  const nowhere = { refused: true, message: expect.stringMatching(/helmets\/predict answered 404/) as unknown };
  await expect(model.infer(file(png), options())).rejects.toMatchObject(nowhere);
  const broken = { refused: true, message: 'the image is neither JPEG nor PNG' };
  await expect(model.infer(file(Buffer.from('gif')), options())).rejects.toMatchObject(broken);
});
