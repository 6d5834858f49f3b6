import { BigModelError, isRefusal } from './big-model.ts';
import type { BigModel } from './big-model.ts';

/**
 * Big model behind the original's REST interface (section 6.3 of the lib reference): `POST http://<host>:<port>/<service>/predict`
 * `{"data": input}`, answered with `{"result": …}`. Its service may be the original's in Python, or ours.
 */
export function sednaBigModel<O = unknown>({
  host,
  port,
  service,
}: {
  host: string;
  port: number;
  service: string;
}): BigModel<unknown, O> {
  const authority = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const url = `http://${authority}:${port}/${encodeURIComponent(service)}/predict`;
  return {
    async infer(input, { signal }) {
      const response = await post(url, { data: input, post_process: null }, signal);
      const text = await response.text();
      if (response.status !== 200) {
        throw new BigModelError(`${url} answered ${response.status} ${text.slice(0, 200)}`.trim(), {
          refused: isRefusal(response.status),
        });
      }
      return resultOf(url, text) as O;
    },
  };
}

async function post(url: string, body: unknown, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    const { message } = ((error as Error).cause as Error | undefined) ?? (error as Error);
    throw new BigModelError(`${url} cannot be reached: ${message}`, { cause: error });
  }
}

function resultOf(url: string, text: string): unknown {
  try {
    const answer = JSON.parse(text) as unknown;
    if (typeof answer === 'object' && answer !== null && 'result' in answer) return answer.result;
  } catch {
    // said below
  }
  throw new BigModelError(`${url} answered no {"result": …} but ${text.slice(0, 200)}`);
}
