/** Closed loop: each connection sends its next request when the answer to its last one is there. */
import { Agent, request } from 'node:http';
import { now } from '../lib/statistics.ts';

export interface Load {
  /** Milliseconds of each request. */
  latencies: number[];
  perSecond: number;
}

/** Sends requests for `seconds` on `connections` kept-open connections. A refused one ends it with the answer. */
export async function closedLoop(ask: () => Promise<void>, connections: number, seconds: number): Promise<Load> {
  const latencies: number[] = [];
  const began = now();
  const end = began + seconds * 1_000;
  const one = async (): Promise<void> => {
    while (now() < end) {
      const before = now();
      await ask();
      latencies.push(now() - before);
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  return { latencies, perSecond: latencies.length / ((now() - began) / 1_000) };
}

/** Posts the same body each time, over connections that stay open; the answer is read and parsed, as a client would. */
export class Poster {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #port: number;
  readonly #body: string;

  constructor(port: number, body: string) {
    this.#port = port;
    this.#body = body;
  }

  post(): Promise<unknown> {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(this.#body) };
    const options = { host: '127.0.0.1', port: this.#port, path: '/v2/models/bench/infer', method: 'POST', headers };
    return new Promise((resolve, reject) => {
      const sent = request({ ...options, agent: this.#agent, timeout: 30_000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode === 200) resolve(JSON.parse(text));
          else reject(new Error(`${response.statusCode}: ${text.slice(0, 200)}`));
        });
      });
      sent.on('timeout', () => sent.destroy(new Error('no answer within 30 s')));
      sent.on('error', reject);
      sent.end(this.#body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
