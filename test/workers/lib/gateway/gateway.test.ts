/** The gateway on the wire: who gets in, what is answered, what ends a connection. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FederatedNode, newPlace } from '../../../activities/support/federated-node.ts';
import { eventually } from '../../../support/eventually.ts';
import { RawClient } from '../../support/websocket.ts';

let node: FederatedNode;
let name: string;
/** A trainer of the node whose program is silent, so that the test can speak for it. */
beforeEach(async () => {
  node = new FederatedNode(await newPlace());
  node.gateway = { messageBytes: 1 << 20, stallMs: 2_000 };
  await node.start();
  ({ name } = await silent('FederatedLearningJob', 'Train'));
});
afterEach(() => node.close());

async function silent(kind: string, stage: string): Promise<{ name: string }> {
  const launch = {
    name: `${kind}-${stage}`.toLowerCase(),
    owner: { kind, namespace: 'default', name: 'job', uid: 'u-1' },
    stage,
    image: 'test/sedna-trainer:v1',
    args: [],
    env: { TRAIN_MS: '1000000', CLIENT_ID: 'nobody', AGG_IP: '127.0.0.1', AGG_PORT: '1' },
    contract: {},
    ports: [],
    restart: 'Never' as const,
    revision: '',
  };
  await node.runtime.ensure(launch);
  return launch;
}

const open = async (path?: string, headers?: string[]) => RawClient.open(node.place.port, path, headers);
const subscribe = (id: string) => JSON.stringify({ type: 'subscribe', client_id: id });
const update = (weights = '[[1, 2], [3]]', client = name) =>
  `{"type": "update_weight", "client": "${client}", "data": {"num_samples": 3, "weights": ${weights}}, "job_name": "job"}`;

async function subscribed(): Promise<RawClient> {
  const { client } = await open();
  client.send(subscribe(name));
  expect(String((await client.next())?.payload)).toBe(subscribe(name));
  return client;
}

describe('who gets in', () => {
  test.each([
    ['/healthz/x', [], /403 Forbidden/],
    ['/', [], /403 Forbidden/],
    ['/a-b', [], /403 Forbidden/],
    ['/FedAvg', ['Origin: http://evil.example'], /403 Forbidden/],
    ['/FedAvg', [], /^HTTP\/1.1 101 Switching Protocols\r\n[^]*Sec-WebSocket-Accept: /],
    ['/MyOwnAggregation', [], /101/],
  ])('%s %j', async (path, headers, answer) => {
    const { client, answer: head } = await open(path, headers);
    expect(head).toMatch(answer);
    client.socket.destroy();
  });

  test('no extension is agreed on', async () => {
    const { client, answer } = await open('/FedAvg', ['Sec-WebSocket-Extensions: permessage-deflate']);
    expect(answer).not.toMatch(/extensions/i);
    client.socket.destroy();
  });

  test('a trainer of this node, by its name; everybody else is told why not', async () => {
    const inference = await silent('FederatedLearningJob', 'Inference');
    const other = await silent('IncrementalLearningJob', 'Train');
    for (const id of ['stranger', inference.name, other.name]) {
      const { client } = await open();
      client.send(subscribe(id));
      expect(await client.closing()).toBe(`1008 there is no federated trainer ${id} on this node`);
    }
    const client = await subscribed();
    const list = await fetch(`http://127.0.0.1:${node.place.port}/FedAvg`);
    expect(await list.json()).toEqual({ clients: [name] });
    client.socket.destroy();
    await eventually(async () => {
      const now = await fetch(`http://127.0.0.1:${node.place.port}/FedAvg`);
      expect(await now.json()).toEqual({ clients: [] });
    });
  });

  test('who connects again takes the place of the first', async () => {
    const first = await subscribed();
    const second = await subscribed();
    expect(await first.closing()).toBe(`1008 ${name} has connected again`);
    node.board.offer(name, task('train-r1'));
    second.send(update());
    expect(await node.board.answer(owner(), name, 'train-r1', new AbortController().signal)).toMatchObject({
      samples: 3,
    });
    second.socket.destroy();
  });

  test('a disk that fails costs the connection, not the local controller', async () => {
    const folder = join(node.stateDir, 'gateway');
    (await subscribed()).socket.destroy();
    await eventually(() => expect(readdirSync(folder)).toEqual([]));
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'in the way');
    const { client } = await open();
    expect(await client.closing()).toMatch(/^1011 .*gateway/);
    expect((await fetch(`http://127.0.0.1:${node.place.port}/healthz`)).status).toBe(200);
  });

  test('who says nothing is not waited for', async () => {
    const { client } = await open();
    expect(await client.closing()).toBe('1008 no subscribe came within 2 s');
  });
});

describe('what is said', () => {
  test.each([
    ['before subscribe', () => update(), '1008 an update before subscribe'],
    ['subscribe without a name', () => '{"type": "subscribe"}', '1008 subscribe without client_id'],
    ['no JSON', () => 'hello', /^1003 not JSON/],
    ['no object', () => '[1]', '1003 not a JSON object'],
  ])('%s', async (_, message, reason) => {
    const { client } = await open();
    client.send(message());
    expect(await client.closing()).toEqual(typeof reason === 'string' ? reason : expect.stringMatching(reason));
  });

  test.each([
    ['weights that are no JSON', () => update('[[1, 2'), /^1003 not JSON/],
    [
      'a long message that is no update',
      () => update(`[${'1,'.repeat(40_000)}1]`).replace('update_weight', 'gossip'),
      /^1008 .*no update_weight/,
    ],
    ['too much beside the weights', () => `{"type": "x${'y'.repeat(70_000)}"}`, /^1003 more than 65536 bytes beside/],
    ['a second subscribe', () => subscribe(name), /^1008 this connection is already/],
    [
      'a message beyond the limit',
      () => update(`[${'1,'.repeat(600_000)}1]`),
      /^1009 a message of \d+ bytes; at most 1048576/,
    ],
  ])('%s', async (_, message, reason) => {
    const client = await subscribed();
    client.send(message());
    expect(await client.closing()).toMatch(reason);
    await eventually(() => expect(readdirSync(join(node.stateDir, 'gateway'))).toEqual([]));
  });

  test('an update of somebody else is refused by name', async () => {
    const client = await subscribed();
    node.board.offer(name, task('train-r1'));
    client.send(update('[[1, 2], [3]]', 'somebody'));
    const answer = await node.board.answer(owner(), name, 'train-r1', new AbortController().signal);
    expect(answer).toMatchObject({ status: 'failed', reason: 'WrongIdentity' });
    client.socket.destroy();
  });

  test('in binary, in pieces, with pings between them, and with what it does not know', async () => {
    const client = await subscribed();
    client.send('{"type": "gossip"}');
    node.board.offer(name, task('train-r1'));
    const bytes = Buffer.from(update());
    client.send(bytes.subarray(0, 50), { opcode: 2, fin: false });
    client.send('are you there', { opcode: 9 });
    expect(await client.next()).toEqual({ opcode: 10, payload: Buffer.from('are you there') });
    client.send(bytes.subarray(50), { opcode: 0 });
    const answer = await node.board.answer(owner(), name, 'train-r1', new AbortController().signal);
    expect(answer).toMatchObject({ status: 'completed', samples: 3 });
    client.socket.destroy();
  });

  test('who is silent trains; who stops in the middle of a message does not', async () => {
    const client = await subscribed();
    await new Promise((done) => setTimeout(done, 2_500));
    client.send('{"type": "gossip"}');
    client.send(update().slice(0, 50), { fin: false });
    expect(await client.closing()).toBe('1008 a message was begun and not ended within 2 s');
  });

  test('a close is answered, and a local controller that goes down says so', async () => {
    const client = await subscribed();
    client.send(Buffer.from([3, 232]), { opcode: 8 });
    expect(await client.closing()).toBe('1000 ');
    const other = await subscribed();
    await node.stop();
    expect(await other.closing()).toBe('1001 the local controller goes down');
  });
});

const owner = () => ({ kind: 'FederatedLearningJob', namespace: 'default', name: 'job', uid: 'u-1' });

function task(id: string) {
  const directory = join(node.stateDir, 'tasks', 'u-1', name, id);
  return {
    id,
    kind: 'train' as const,
    round: 1,
    weights: undefined,
    previous: undefined,
    settings: {},
    seed: 0,
    evaluate: false,
    excludeLayers: [],
    output: join(directory, 'update.safetensors'),
    checkpoint: undefined,
  };
}
