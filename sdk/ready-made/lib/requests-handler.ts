import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { DeferredAnswer, DeferredAnswers } from '../../features/joint-inference/deferred/deferred-answers.ts';
import type { Tensors } from '../../features/joint-inference/oip-big-model.ts';
import { encodeTensor } from '../../serving/codec/json-tensor.ts';
import type { RequestHandler } from '../../serving/index.ts';
import type { Tensor } from '../../tensor.ts';
import { fromHalf } from '../../tensors/index.ts';

const keepAliveMs = 15_000;

/**
 * Final answers over HTTP: `GET /v2/requests/{id}` says what became of one; `GET /v2/requests` is a stream of server-sent events, one
 * for each end, which goes on behind the `Last-Event-ID` that a client comes back with. The id of one of several samples has a slash: it
 * is the rest of the path. `ending`: streams end, since they would go on for ever.
 */
export function requestsHandler(deferred: DeferredAnswers<Tensors>, ending?: AbortSignal): RequestHandler {
  return (request, response) => {
    const [pathname = ''] = (request.url ?? '').split('?');
    const [, id] = /^\/v2\/requests(?:\/(.+))?$/.exec(pathname) ?? [undefined];
    if (pathname !== '/v2/requests' && id === undefined) return false;
    const answer =
      request.method !== 'GET'
        ? refuse(response)
        : id === undefined
          ? stream(deferred, { request, response, ending })
          : one(deferred, id, response);
    answer.catch((error: Error) => {
      if (response.headersSent) response.destroy();
      else reply(response, 500, { error: error.message });
    });
    return true;
  };
}

async function refuse(response: ServerResponse): Promise<void> {
  response.setHeader('allow', 'GET');
  reply(response, 405, { error: 'only GET is known here' });
}

async function one(deferred: DeferredAnswers<Tensors>, id: string, response: ServerResponse): Promise<void> {
  const found = await deferred.get(decoded(id), { fetched: true });
  if (found) reply(response, 200, toWire(found));
  else reply(response, 404, { error: `no deferred request "${id}": it was answered at once, or its end is forgotten` });
}

async function stream(
  deferred: DeferredAnswers<Tensors>,
  { request, response, ending }: { request: IncomingMessage; response: ServerResponse; ending?: AbortSignal },
): Promise<void> {
  if (ending?.aborted) {
    response.setHeader('retry-after', '1');
    return reply(response, 503, { error: 'the server is closing' });
  }
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const over = ending ? AbortSignal.any([gone.signal, ending]) : gone.signal;
  const last = Number(request.headers['last-event-id']);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': deferred answers\n\n');
  // So that proxies keep the connection, and a client that is gone is noticed.
  const alive = setInterval(() => response.write(': \n\n'), keepAliveMs).unref();
  try {
    for await (const end of deferred.ends(Number.isSafeInteger(last) ? last : undefined, over)) {
      const event = `id: ${end.sequence}\nevent: ${end.state}\ndata: ${JSON.stringify(toWire(end))}\n\n`;
      // A client that reads slowly must not fill the memory.
      if (!response.write(event)) await once(response, 'drain', { signal: over });
    }
  } finally {
    clearInterval(alive);
    response.end();
  }
}

/** Tensors as the protocol writes them in JSON; FP16, which it does not have there, as FP32. */
export function toWire({ provisional, answer, ...rest }: DeferredAnswer): object {
  return {
    ...rest,
    ...(provisional !== undefined && { provisional: outputsOf(provisional) }),
    ...(answer !== undefined && { outputs: outputsOf(answer) }),
  };
}

const outputsOf = (tensors: unknown) =>
  Object.entries(tensors as Tensors).map(([name, tensor]) =>
    encodeTensor(name, tensor.datatype === 'float16' ? widened(tensor) : tensor),
  );

const widened = ({ shape, data }: Tensor): Tensor => ({
  datatype: 'float32',
  shape,
  data: Float32Array.from(data as Uint16Array, fromHalf),
});

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
