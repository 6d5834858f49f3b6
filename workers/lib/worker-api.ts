/** The HTTP API for the workers of a node (section 4.7 of the control-plane reference), plus progress for SDK workers. */
import type { FastifyInstance } from 'fastify';
import type { ReceivedProgress, ReceivedReport } from '../../sdk/worker/protocol.ts';
import { workerProgress, workerReport } from '../../sdk/worker/protocol.ts';
import { logger } from './log.ts';

export interface ReportSink {
  /** Must have stored the report before it returns: the answer 200 tells the worker that it cannot be lost any more. */
  report(report: ReceivedReport): boolean;
  progress(name: string, progress: ReceivedProgress): boolean;
}

const ok = { Status: 200, Message: 'OK' };

interface Named {
  Params: { name: string };
}

export function serveWorkerApi(server: FastifyInstance, sink: ReportSink): void {
  server.setErrorHandler((error: { statusCode?: number; message: string }, _request, reply) => {
    const status = error.statusCode ?? 500;
    return reply.code(status).send({ Status: status, Message: error.message });
  });

  server.post<Named>('/sedna/workers/:name/info', (request, reply) => {
    const { name } = request.params;
    const stated = (request.body as { name?: unknown } | null)?.name;
    if (stated !== name) {
      return reply
        .code(400)
        .send({ Status: 400, Message: `name in the body (${String(stated)}) is not the one of the path (${name})` });
    }
    const parsed = workerReport.safeParse(request.body);
    if (!parsed.success) return reply.code(400).send({ Status: 400, Message: reason(parsed.error.issues) });
    // A worker that is not known here gets its 200 as well: anything else costs it 15 seconds of retries for nothing.
    if (!sink.report(parsed.data)) logger.warn({ worker: name }, 'a report of a worker that does not run on this node');
    return ok;
  });

  server.post<Named>('/sedna/workers/:name/progress', (request, reply) => {
    const parsed = workerProgress.safeParse(request.body);
    if (!parsed.success) return reply.code(400).send({ Status: 400, Message: reason(parsed.error.issues) });
    sink.progress(request.params.name, parsed.data);
    return ok;
  });
}

function reason(issues: { path: PropertyKey[]; message: string }[]): string {
  const [issue] = issues;
  return issue === undefined ? 'not a report' : `${issue.path.map(String).join('.')}: ${issue.message}`;
}
