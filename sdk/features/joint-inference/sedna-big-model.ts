import { answerBody } from '../../serving/answer-body.ts';
import { BigModelError, blame } from './big-model.ts';
import type { BigModel, TierAnswer } from './big-model.ts';
import { firstKnown } from './first-known.ts';
import { withOrigin } from './origin.ts';

interface Service {
  host: string;
  port: number;
  service: string;
}

/** An input that is JSON already, as UTF-8. */
export class JsonText {
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** The original's library calls a service so where `JOB_NAME` is not set, and for services it never is. */
const defaultName = 'sedna';

/**
 * Big model behind the original's REST interface (section 6.3 of the lib reference): `POST http://<host>:<port>/<service>/predict`
 * `{"data": input}`, answered with `{"result": …}`. Its service may be the original's in Python, or ours; a tier of ours reads `deadline_ms` beside
 * the data, and says in `parameters` beside the result who answered. The original lets unknown keys be. A service that
 * does not know its name is asked as `sedna`.
 */
export function sednaBigModel<O = unknown>(at: Service): BigModel<unknown, O> {
  return firstKnown([...new Set([at.service, defaultName])].map((service) => named<O>({ ...at, service })));
}

function named<O>({ host, port, service }: Service): BigModel<unknown, O> {
  const authority = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  const url = `http://${authority}:${port}/${encodeURIComponent(service)}/predict`;
  return {
    async infer(input, { signal, withinMs }) {
      const time = withinMs === undefined ? {} : { deadline_ms: Math.floor(withinMs) };
      const response = await post(url, bodyOf(input, { post_process: null, ...time }), signal);
      const text = await textOf(url, response, signal);
      if (response.status !== 200) {
        throw new BigModelError(
          `${url} answered ${response.status} ${text.slice(0, 200)}`.trim(),
          blame(response.status),
        );
      }
      return resultOf<O>(url, text);
    },
  };
}

function bodyOf(data: unknown, more: object): string | Uint8Array<ArrayBuffer> {
  if (!(data instanceof JsonText)) return JSON.stringify({ data, ...more });
  return Buffer.concat([Buffer.from('{"data":'), data.bytes, Buffer.from(`,${JSON.stringify(more).slice(1)}`)]);
}

async function post(url: string, body: string | Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      redirect: 'error',
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    const { message } = ((error as Error).cause as Error | undefined) ?? (error as Error);
    throw new BigModelError(`${url} cannot be reached: ${message}`, { cause: error });
  }
}

async function textOf(url: string, response: Response, signal: AbortSignal): Promise<string> {
  try {
    return (await answerBody(response)).toString();
  } catch (error) {
    signal.throwIfAborted();
    throw new BigModelError(`${url}: ${(error as Error).message}`, { cause: error });
  }
}

function resultOf<O>(url: string, text: string): O | TierAnswer<O> {
  try {
    const answer = JSON.parse(text) as { result?: O; parameters?: unknown } | null;
    if (typeof answer === 'object' && answer !== null && 'result' in answer) {
      return withOrigin(answer.result as O, answer.parameters);
    }
  } catch {
    // said below
  }
  throw new BigModelError(`${url} answered no {"result": …} but ${text.slice(0, 200)}`);
}
