/** The clients of a round against a WebSocket server of another project. */
import { afterEach, expect, test } from '@jest/globals';
import { mkdtempSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocketServer, type WebSocket } from 'ws';
import { TensorFile, writeWeights } from '../../../../sdk/tensors/index.ts';
import { play, type Player } from '../../../../workers/lib/aggregator/play.ts';

const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'play-'));
const answer = (weights: string): string => `{"type":"recv_weight","data":{"weights":${weights},"exit_flag":"ok"}}`;
const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

/** `elements`: of the one layer. */
async function playersOf(elements: number): Promise<Player[]> {
  const path = join(directory, `${elements}.safetensors`);
  await writeWeights(path, { a: { shape: [elements], data: new Float32Array(elements).fill(1 / 3) } });
  const file = await TensorFile.open(path);
  opened.push(file);
  return ['00', '01', '02'].map((client) => ({ client, samples: 1, file }));
}

/** Does `last` with all its clients when each of them has uploaded. */
async function aggregator(last: (clients: WebSocket[], uploaded: string[]) => void): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/FedAvg', maxPayload: 100 << 20 });
  opened.push({
    close: () => {
      for (const client of server.clients) client.terminate();
      server.close();
    },
  });
  const clients: WebSocket[] = [];
  const uploaded: string[] = [];
  server.on('connection', (client) => {
    clients.push(client);
    client.on('message', (bytes) => {
      const { type, client: from } = JSON.parse(String(bytes)) as { type: string; client?: string };
      if (type === 'subscribe') return client.send(String(bytes));
      uploaded.push(from ?? '');
      if (uploaded.length === 3) last(clients, uploaded);
    });
  });
  await new Promise<void>((resolve) => server.on('listening', resolve));
  return (server.address() as AddressInfo).port;
}

async function played(port: number, elements: number): ReturnType<typeof play> {
  const players = await playersOf(elements);
  const entries = players[0]?.file.entries ?? [];
  return play({ address: { port, path: 'FedAvg' }, job: 'job', players, entries, timeoutSeconds: 60 });
}

const inOneChunk = (client: WebSocket, act: () => void): void => {
  const { _socket: socket } = client as unknown as { _socket: Socket };
  socket.cork();
  act();
  socket.uncork();
};
const goodbyes: [string, (client: WebSocket, text: string) => void][] = [
  ['closes', (client, text) => (client.send(text), client.close())],
  ['closes in the same chunk', (client, text) => inOneChunk(client, () => (client.send(text), client.close()))],
  ['hangs up', (client, text) => client.send(text, () => client.terminate())],
];

test.each(goodbyes.flatMap(([what, act]) => [3, 300_000].map((elements) => [what, elements, act] as const)))(
  'an aggregator that %s as soon as it has answered (%i weights)',
  async (_what, elements, goodbye) => {
    const text = answer(JSON.stringify([Array<number>(elements).fill(0.5)]));
    let order: string[] = [];
    const port = await aggregator((clients, uploaded) => {
      order = uploaded;
      for (const client of clients) goodbye(client, text);
    });
    const { finished, values } = await played(port, elements);
    expect(finished).toBe(true);
    expect([values.length, values.every((value) => value === 0.5)]).toEqual([elements, true]);
    expect(order).toEqual(['00', '01', '02']);
  },
);

test('one that closes without an answer has failed, one that answers nonsense before it closes is told so', async () => {
  const silent = await aggregator((clients) => clients.forEach((client) => client.close(1011, 'no idea')));
  await expect(played(silent, 3)).rejects.toMatchObject({
    reason: 'AggregatorFailed',
    message: expect.stringMatching(/to client 0\d: it closed the connection with 1011 \(no idea\)/) as unknown,
  });
  const wrong = await aggregator((clients) =>
    clients.forEach((client) => inOneChunk(client, () => (client.send(answer('[[1,1]]')), client.close()))),
  );
  await expect(played(wrong, 3)).rejects.toMatchObject({
    reason: 'AggregateInvalid',
    message: expect.stringMatching(/layer 0 \(a\) has the shape \[2\]; the model's is \[3\]/) as unknown,
  });
});
