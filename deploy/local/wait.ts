import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { setTimeout as delay } from 'node:timers/promises';

/** Asks every `everyMs` until it is so; false when `boundMs` have passed or `giveUp` says that it never will be. */
export async function until(
  isSo: () => Promise<boolean> | boolean,
  boundMs: number,
  options: { everyMs?: number; giveUp?: () => boolean } = {},
): Promise<boolean> {
  const deadline = performance.now() + boundMs;
  while (!(await isSo())) {
    if (performance.now() > deadline || options.giveUp?.()) return false;
    await delay(options.everyMs ?? 50);
  }
  return true;
}

export interface Answer {
  status: number;
  body: string;
}

/** GET with a bound of `boundMs` over all; undefined when there was no answer. Bodies above 1 MiB are cut. */
export function fetchText(
  url: string,
  options: { boundMs?: number; headers?: Record<string, string>; ca?: string | Buffer } = {},
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const get = url.startsWith('https:') ? httpsGet : httpGet;
    const request = get(
      url,
      {
        headers: options.headers ?? {},
        agent: false,
        signal: AbortSignal.timeout(options.boundMs ?? 2_000),
        ...(options.ca ? { ca: options.ca } : {}),
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          if (body.length < 1 << 20) body += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', () => resolve(undefined));
      },
    );
    request.on('error', () => resolve(undefined));
  });
}
