/** What a front bears: clients that occupy it, replicas that are silent, refuse early, or answer what is not HTTP. */
import { afterEach, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createServer, request, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net';
import { Balancer } from '../../../workers/front/balancer.ts';
import { httpProxy, type FrontLimits } from '../../../workers/front/http-proxy.ts';
import { freePort } from '../../../workers/lib/ports.ts';
import { eventually } from '../../support/eventually.ts';

const open: (Server | TcpServer)[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.close();
    if ('closeAllConnections' in server) server.closeAllConnections();
  }
});

async function listening(server: TcpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(server);
  return (server.address() as AddressInfo).port;
}

interface Front {
  port: number;
  balancer: Balancer;
}

/** `away`: ports of replicas that are asked before it. */
async function front(limits: FrontLimits, replica: number, away: number[] = []): Promise<Front> {
  const balancer = new Balancer();
  const ports = [...away.map((http, i) => [`away-${i}`, http] as const), ['only', replica] as const];
  balancer.use({ version: 1, replicas: ports.map(([name, http]) => ({ name, ports: { http } })) });
  return { port: await listening(httpProxy(balancer, 'http', limits)), balancer };
}

const answering = (listener: RequestListener) => listening(createServer(listener));

function ask(port: number, body: Iterable<Buffer> = [], headers: Record<string, string | number> = {}, everyMs = 0) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method: 'POST', headers }, (incoming) => {
      let text = '';
      incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject);
    const chunks = body[Symbol.iterator]();
    const next = (): void => {
      const { value, done } = chunks.next();
      if (done === true) outgoing.end();
      else outgoing.write(value, () => (everyMs > 0 ? setTimeout(next, everyMs) : setImmediate(next)));
    };
    next();
  });
}

/** Sends the text and gives all that comes until the connection ends. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => (got += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(got));
  });
}

test.each([
  ['the head', 'POST / HTTP/1.1\r\nhost: x\r\n'],
  ['the body', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nx'],
  ['a large body', `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${9 << 20}\r\n\r\nx`],
])('who does not go on with %s is answered 408', async (_what, text) => {
  const seen: IncomingMessage[] = [];
  const replica = await answering((incoming) => void seen.push(incoming));
  const { port, balancer } = await front({ headMs: 300, pace: { bytes: 1 << 10, ms: 300 } }, replica);
  expect(await raw(port, text)).toMatch(/^HTTP\/1.1 408 .*\{"error":"the request took too long to arrive"\}$/s);
  await eventually(() => expect(balancer.stats().inFlight).toEqual({}));
  // What a replica had got of it, it is told to be no more.
  await eventually(() => expect(seen.every(({ destroyed }) => destroyed)).toBe(true));
});

test('a body that keeps its pace may take longer than any wait', async () => {
  const replica = await answering((incoming, outgoing) => void incoming.on('end', () => outgoing.end('all')).resume());
  const { port } = await front({ headMs: 300, pace: { bytes: 1, ms: 500 } }, replica);
  let sent = 0;
  const answer = await new Promise<string>((resolve) => {
    const outgoing = request(
      { host: '127.0.0.1', port, method: 'POST', headers: { 'content-length': 40 } },
      (incoming) => incoming.on('data', (chunk: Buffer) => resolve(`${incoming.statusCode} ${chunk.toString()}`)),
    );
    const timer = setInterval(() => {
      outgoing.write('x');
      if (++sent === 40) clearInterval(timer);
    }, 25);
  });
  expect(answer).toBe('200 all');
});

test.each(['GET', 'DELETE', 'POST'])(
  'a body in pieces stays that of its %s, and is no request of its own',
  async (method) => {
    const seen: string[] = [];
    const replica = await answering((incoming, outgoing) => {
      let text = '';
      incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
      incoming.on('end', () => {
        seen.push(`${incoming.method} ${incoming.url}: ${text}`);
        outgoing.end('done');
      });
    });
    const { port } = await front({}, replica);
    const inner = 'GET /inner HTTP/1.1\r\nhost: x\r\n\r\n';
    const head = `${method} /outer HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n`;
    const answer = await raw(port, `${head}${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(seen).toEqual([`${method} /outer: ${inner}`]);
  },
);

test('one connection holds only so many requests, and a front only so many connections', async () => {
  const replica = await answering(() => undefined);
  const { port } = await front({ pipelined: 8, connections: 3 }, replica);
  const requests = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(9);
  expect(await raw(port, requests)).toBe('');
  const idle = [1, 2, 3].map(() => connect(port, '127.0.0.1'));
  await Promise.all(idle.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  expect(await raw(port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n')).toBe('');
  for (const socket of idle) socket.destroy();
});

test('a replica that is silent: 504, and it is not waited for any longer', async () => {
  const { port, balancer } = await front({ silentMs: 200 }, await answering(() => undefined));
  expect(await ask(port, [Buffer.from('x')])).toEqual({
    status: 504,
    text: '{"error":"only: it has said nothing for 0.2 s"}',
  });
  expect(balancer.stats()).toMatchObject({ inFlight: {}, refused: 1 });
});

test('of an answer that has begun silence is not bounded, and events hold up no drain', async () => {
  let finish = (): void => undefined;
  const replica = await answering((incoming, outgoing) => {
    const type = incoming.headers['accept'] ?? '';
    outgoing.writeHead(200, { 'content-type': type }).write('data: 1\n\n');
    const before = finish;
    finish = () => {
      before();
      outgoing.end('data: 2\n\n');
    };
  });
  const { port, balancer } = await front({ silentMs: 300 }, replica);
  const answers = ['text/event-stream; charset=utf-8', 'application/x-ndjson'].map((accept) =>
    ask(port, [], { accept }),
  );
  await eventually(() => expect(balancer.stats()).toMatchObject({ requests: 2, inFlight: { only: 1 } }));
  // Asked after them, it has been silent for long enough: so have they, several times.
  const silent = await front({ silentMs: 1_000 }, await answering(() => undefined));
  expect(await ask(silent.port)).toMatchObject({ status: 504 });
  finish();
  for (const answer of answers) expect(await answer).toEqual({ status: 200, text: 'data: 1\n\ndata: 2\n\n' });
  await eventually(() => expect(balancer.stats().inFlight).toEqual({}));
});

test('who reads an answer slowly gets all of it', async () => {
  const size = 32 << 20;
  const replica = await answering((_incoming, outgoing) => outgoing.end(Buffer.alloc(size)));
  const { port } = await front({ silentMs: 300 }, replica);
  const answer = await new Promise<IncomingMessage>((resolve) => {
    request({ host: '127.0.0.1', port }, resolve).end();
  });
  const silent = await front({ silentMs: 1_000 }, await answering(() => undefined));
  expect(await ask(silent.port)).toMatchObject({ status: 504 });
  let got = 0;
  for await (const chunk of answer) got += (chunk as Buffer).length;
  expect(got).toBe(size);
});

test.each([
  ['whole', 'content-length', 8 << 20, 0],
  ['in pieces', 'transfer-encoding', 'chunked', 10],
])(
  'a large body that comes %s is the same for the second replica when the first takes no connection',
  async (...given) => {
    const [, name, value, everyMs] = given;
    const replica = await answering((incoming, outgoing) => {
      const hash = createHash('sha256');
      incoming.on('data', (chunk: Buffer) => hash.update(chunk)).on('end', () => outgoing.end(hash.digest('hex')));
    });
    const { port, balancer } = await front({ silentMs: 5_000 }, replica, [await freePort(), await freePort()]);
    const chunks = Array.from({ length: 8 }, (_, i) => Buffer.alloc(1 << 20, i + 1));
    const text = createHash('sha256').update(Buffer.concat(chunks)).digest('hex');
    for (let i = 0; i < 3; i++)
      expect(await ask(port, chunks, { [name]: value }, everyMs)).toEqual({ status: 200, text });
    expect(balancer.stats()).toMatchObject({ inFlight: {}, refused: 0 });
  },
);

test('a large body that no replica takes is read to its end, so that its sender comes to read the 503', async () => {
  const { port } = await front({}, await freePort(), [await freePort()]);
  const chunks = Array.from({ length: 32 }, () => Buffer.alloc(1 << 20));
  for (const [name, value] of [['content-length', 32 << 20] as const, ['transfer-encoding', 'chunked'] as const]) {
    expect(await ask(port, chunks, { [name]: value })).toEqual({
      status: 503,
      text: expect.stringMatching(/^\{"error":"only: connect ECONNREFUSED/),
    });
  }
});

test('what a replica refuses before it has read it all is refused with its words', async () => {
  const limit = 6 << 20;
  const replica = await answering((incoming, outgoing) => {
    const refuse = (): void => {
      incoming.pause().removeAllListeners('data');
      outgoing.writeHead(413, { connection: 'close' }).end('too large');
    };
    if (Number(incoming.headers['content-length'] ?? 0) > limit) return refuse();
    let size = 0;
    incoming.on('data', (chunk: Buffer) => {
      if ((size += chunk.length) > limit) refuse();
    });
  });
  const { port } = await front({}, replica);
  const chunks = Array.from({ length: 256 }, () => Buffer.alloc(64 << 10));
  for (let i = 0; i < 10; i++) {
    for (const [name, value] of [['content-length', 16 << 20] as const, ['transfer-encoding', 'chunked'] as const]) {
      expect(await ask(port, chunks, { [name]: value })).toEqual({ status: 413, text: 'too large' });
    }
  }
});

test.each(['HTTP/1.1 200 O\x01K', 'HTTP/1.1 099 Strange', 'HTTP/1.1 200 OK\r\nx: \x01'])(
  'an answer that cannot be passed on is a 502, and the front goes on: %j',
  async (head) => {
    const replica = await listening(
      createTcpServer((socket) => socket.once('data', () => socket.end(`${head}\r\ncontent-length: 2\r\n\r\nhi`))),
    );
    const { port, balancer } = await front({}, replica);
    for (let i = 0; i < 2; i++) {
      const { status, text } = await ask(port);
      expect([status, text]).toEqual([502, expect.stringContaining('{"error":"only: ')]);
    }
    expect(balancer.stats().inFlight).toEqual({});
  },
);
