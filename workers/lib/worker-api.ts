/** The HTTP API for the workers of a node (section 4.7 of the control-plane reference), plus progress for SDK workers. */
import type { FastifyInstance } from 'fastify';
import { open } from 'node:fs/promises';
import type { WorkerView } from '../../activities/edge/runtime.ts';
import { orDiskFull } from '../../activities/lib/failure.ts';
import type { ReceivedProgress, ReceivedReport } from '../../sdk/worker/protocol.ts';
import { printable, quoted, workerProgress, workerReport } from '../../sdk/worker/protocol.ts';
import { logger } from './log.ts';

export interface ReportSink {
  /** Must have stored the report before it returns: the answer 200 tells the worker that it cannot be lost any more. */
  report(report: ReceivedReport): boolean;
  progress(name: string, progress: ReceivedProgress): boolean;
  list(): WorkerView[];
}

const ok = { Status: 200, Message: 'OK' };

interface Named {
  Params: { name: string };
}

export function serveWorkerApi(server: FastifyInstance, sink: ReportSink): void {
  // Reports are JSON; anything else is answered 415.
  server.removeContentTypeParser('text/plain');
  server.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) => {
    // 507: nothing is wrong with the report, there is no room for it now; workers of this SDK send it again for longer.
    const named = orDiskFull(error) as Error & { statusCode?: number };
    const status = named === error ? (error.statusCode ?? 500) : 507;
    return reply.code(status).send({ Status: status, Message: named.message });
  });

  server.post<Named>('/sedna/workers/:name/info', (request, reply) => {
    const { name } = request.params;
    const stated = (request.body as { name?: unknown } | null)?.name;
    if (stated !== name) {
      return reply.code(400).send({
        Status: 400,
        Message: `name in the body (${quoted(stated)}) is not the one of the path (${quoted(name)})`,
      });
    }
    const parsed = workerReport.safeParse(request.body);
    if (!parsed.success) return reply.code(400).send({ Status: 400, Message: reason(parsed.error.issues) });
    // A worker that is not known here, or has told its end already, gets its 200 as well: anything else costs it 15 seconds of retries for nothing.
    if (!sink.report(parsed.data)) logger.warn({ worker: name }, 'a report that nobody waits for');
    return ok;
  });

  server.post<Named>('/sedna/workers/:name/progress', (request, reply) => {
    const parsed = workerProgress.safeParse(request.body);
    if (!parsed.success) return reply.code(400).send({ Status: 400, Message: reason(parsed.error.issues) });
    sink.progress(request.params.name, parsed.data);
    return ok;
  });
}

/** For people: the workers of this node and what they printed. */
export function serveWorkerViews(server: FastifyInstance, { list }: Pick<ReportSink, 'list'>): void {
  server.get('/sedna/workers', () => list());

  server.get<Named & { Querystring: { offset?: string } }>('/sedna/workers/:name/log', async (request, reply) => {
    const worker = list().find(({ name }) => name === request.params.name);
    if (worker === undefined)
      return reply.code(404).send({ Status: 404, Message: `no worker ${request.params.name} here` });
    const { text, next, size } = await readLog(worker.log, Number(request.query.offset ?? 0));
    // Who follows the log goes on to the next process of the worker.
    const state = worker.comesBack === true ? 'starting' : worker.state;
    reply.header('x-next-offset', next).header('x-log-size', size).header('x-worker-state', state);
    return reply.type('text/plain; charset=utf-8').send(text);
  });
}

/** At most 1 MiB from the offset on; a log that has become shorter was rotated, and is begun again. */
async function readLog(file: string, offset: number): Promise<{ text: Buffer; next: number; size: number }> {
  const handle = await open(file, 'r').catch(() => undefined);
  if (handle === undefined) return { text: Buffer.alloc(0), next: 0, size: 0 };
  try {
    const { size } = await handle.stat();
    const from = offset > size || !Number.isInteger(offset) || offset < 0 ? 0 : offset;
    const buffer = Buffer.alloc(Math.min(size - from, 1 << 20));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
    return { text: buffer.subarray(0, bytesRead), next: from + bytesRead, size };
  } finally {
    await handle.close();
  }
}

/** Short and printable: it may quote what the worker sent. */
function reason(issues: { path: PropertyKey[]; message: string }[]): string {
  const [issue] = issues;
  const place = issue?.path.length === 0 ? '' : `${issue?.path.map(String).join('.')}: `;
  return issue === undefined ? 'not a report' : printable(`${place}${issue.message}`).slice(0, 500);
}
