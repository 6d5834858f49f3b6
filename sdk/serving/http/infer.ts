import type { IncomingMessage, ServerResponse } from 'node:http';
import { readHttpRequest, type HttpInferRequest } from '../codec/http-request.ts';
import { writeHttpResponse } from '../codec/http-response.ts';
import type { HttpInferResponse } from '../codec/http-response.ts';
import { InferenceError } from '../errors.ts';
import type { Codec, InferenceService } from '../service.ts';
import { readBody } from './body.ts';
import type { BodyLimits } from './handler.ts';
import { MemoryPool } from './memory-pool.ts';

/** Length of the JSON before binary tensors, in requests and responses. */
const HEADER_LENGTH = 'inference-header-content-length';
/** Responses up to this size are sent in one piece, as text of one byte per character, which Node.js writes together with the head. */
const ONE_PIECE_BYTES = 16 * 1024;

const POOL_BYTES = 64 * 1024 * 1024;
const pool = new MemoryPool(POOL_BYTES);

export interface InferTarget {
  model: string;
  version?: string;
}

export async function inferOverHttp(
  service: InferenceService,
  target: InferTarget,
  { request, response, limits }: { request: IncomingMessage; response: ServerResponse; limits: BodyLimits },
): Promise<void> {
  const headerLength = headerLengthOf(request);
  if (headerLength !== undefined && headerLength > limits.json) throw tooLongJson(limits);
  const limit = headerLength === undefined ? jsonLimit(limits) : { limit: limits.body };
  const body = await readBody(request, { ...limit, headerLength, pool });
  const codec: Codec<HttpInferRequest, HttpInferResponse> = {
    read: (inputs) => readHttpRequest(body, headerLength, inputs),
    write: writeHttpResponse,
  };
  send(response, await service.infer(target, codec, goneController(response)));
  // Only after an answer: a request that was given up may still be read.
  if (service.find(target.model).copiesFeeds) pool.give(body);
}

/** Aborts when the connection ends before the answer. */
export function goneController(response: ServerResponse): AbortController {
  const gone = new AbortController();
  response.on('close', () => {
    if (!response.writableFinished) gone.abort(new InferenceError(499, 'the caller has gone', { reason: 'CANCELED' }));
  });
  return gone;
}

/** Of a body that is JSON from its beginning to its end. */
export function jsonLimit({ body, json }: BodyLimits): { limit: number; advice?: string } {
  return json < body ? { limit: json, advice: 'send tensors in binary, or fewer at a time' } : { limit: body };
}

const tooLongJson = ({ json }: BodyLimits) =>
  new InferenceError(413, `the JSON before the tensors is larger than ${json} bytes`, { reason: 'REJECTED' });

function headerLengthOf({ headers }: IncomingMessage): number | undefined {
  const text = headers[HEADER_LENGTH];
  if (text === undefined) return undefined;
  if (typeof text === 'string' && /^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new InferenceError(400, 'Inference-Header-Content-Length must be a number of bytes');
}

function send(response: ServerResponse, { json, binary }: HttpInferResponse): void {
  if (response.destroyed) return;
  if (binary.length === 0) {
    response.writeHead(200, ['content-type', 'application/json', 'content-length', String(Buffer.byteLength(json))]);
    response.end(json);
    return;
  }
  const header = Buffer.from(json);
  const parts = [header, ...binary];
  const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  response.writeHead(200, [
    'content-type',
    'application/octet-stream',
    'content-length',
    String(length),
    'Inference-Header-Content-Length',
    String(header.byteLength),
  ]);
  if (length <= ONE_PIECE_BYTES) {
    response.end(Buffer.concat(parts, length).toString('latin1'), 'latin1');
    return;
  }
  for (const part of parts) response.write(part);
  response.end();
}
