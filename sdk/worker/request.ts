/** One request to the local controller. By `node:http`, for `fetch` takes twice as much CPU and a round has two requests a client. */
import { Agent, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface RequestOptions {
  /** Sent as JSON by POST; without it, a GET. */
  body?: unknown;
  /** Of the whole request, in ms. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface Answer {
  status: number;
  text: string;
}

// An idle connection keeps no worker from ending.
const agent = new Agent({ keepAlive: true });

/** Rejects with the reason of `signal` once that fires, else with why there is no whole answer. */
export async function request(url: string, { body, timeoutMs, signal }: RequestOptions): Promise<Answer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const options = {
    method: payload ? 'POST' : 'GET',
    headers: payload ? { 'content-type': 'application/json', 'content-length': payload.byteLength } : {},
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  };
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const sent = url.startsWith('https:') ? httpsRequest(url, options) : httpRequest(url, { ...options, agent });
      sent.on('error', reject).on('response', (response) => {
        const chunks: Buffer[] = [];
        response
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('error', reject)
          .on('end', () => {
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
          });
      });
      sent.end(payload);
    });
  } catch (error) {
    signal?.throwIfAborted();
    if (timeout.aborted) throw new Error(`no answer within ${timeoutMs} ms`, { cause: error });
    // Of a host with several addresses, none of which answers, Node.js gives the code alone.
    const failed = error as NodeJS.ErrnoException;
    failed.message ||= failed.code ?? 'no connection';
    throw failed;
  }
}
