import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { workerProgress, workerReport, type ReceivedReport } from '../../sdk/worker/protocol.ts';
import { healthServer } from '../../workers/lib/health.ts';
import { logger } from '../../workers/lib/log.ts';
import { serveWorkerApi } from '../../workers/lib/worker-api.ts';
import { boundMs, mutated, params, perturbed, seeds } from './lib/fuzz.ts';

const bodies = seeds('worker-reports/files');
const objects = bodies.flatMap((body) => {
  try {
    return [JSON.parse(body.toString('utf8')) as unknown];
  } catch {
    return [];
  }
});

test(
  'a report is understood as finite numbers and printable words, or refused by its field',
  () => {
    const property = fc.property(perturbed(objects), (body) => {
      for (const schema of [workerReport, workerProgress]) {
        const verdict = schema.safeParse(body);
        if (!verdict.success) {
          expect(verdict.error.issues.length).toBeGreaterThan(0);
          continue;
        }
        // What was understood can be stored, and is understood alike when it is read again.
        const stored: unknown = JSON.parse(JSON.stringify(verdict.data));
        expect(schema.parse(stored)).toEqual(stored);
      }
    });
    fc.assert(property, params(400));
  },
  boundMs,
);

const { server } = healthServer({ missing: () => [] });
let address = '';
let kept: ReceivedReport[] = [];
beforeAll(async () => {
  logger.level = 'silent';
  const report = (received: ReceivedReport): boolean => kept.push(received) > 0;
  serveWorkerApi(server, { report, progress: () => true, list: () => [] });
  address = await server.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(() => server.close());

test(
  'any body is answered 200 or by what is wrong with it, and only what is answered 200 is kept',
  async () => {
    const type = fc.constantFrom(
      'application/json',
      'application/json; charset=utf-8',
      'text/plain',
      'application/xml',
    );
    const name = fc.constantFrom('w', 'w%00', '..%2fw', '%', 'w?x=1', '%F0%9F%98%80');
    const property = fc.asyncProperty(
      mutated(bodies, ['{', '"', 'null', '1e999', '\\u0000']),
      type,
      name,
      async (body, contentType, of) => {
        kept = [];
        const headers = { 'content-type': contentType };
        const answer = await fetch(`${address}/sedna/workers/${of}/info`, {
          method: 'POST',
          headers,
          body: new Uint8Array(body),
        });
        const told = (await answer.json()) as { Status?: number; Message?: string };
        expect([200, 400, 404, 413, 415]).toContain(answer.status);
        expect(kept).toHaveLength(answer.status === 200 ? 1 : 0);
        if (answer.status === 200) expect(told).toEqual({ Status: 200, Message: 'OK' });
      },
    );
    await fc.assert(property, params(150));
  },
  boundMs,
);
