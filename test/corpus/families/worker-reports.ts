/** What workers tell their local controller: the schema, the HTTP API with the real process runtime behind it, the client of the SDK. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { postOnce } from '../../../sdk/worker/post.ts';
import { workerProgress, workerReport, type ReceivedReport } from '../../../sdk/worker/protocol.ts';
import { healthServer } from '../../../workers/lib/health.ts';
import { logger } from '../../../workers/lib/log.ts';
import { serveWorkerApi } from '../../../workers/lib/worker-api.ts';
import type { ProcessRuntime } from '../../../workers/runtimes/process/process-runtime.ts';
import { caseOf, corpusDirectory, readExpected } from '../lib/expected.ts';
import type { Family, Found, Parser } from '../lib/family.ts';
import { waitingRuntime, waitingWorker } from '../lib/waiting-worker.ts';

export interface ReportInput {
  to: 'info' | 'progress';
  body: Buffer;
  /** Told first. */
  before?: Buffer;
}

interface More {
  to: 'info' | 'progress';
  before?: string;
  make?: string;
}

export function workerReports(): Family<ReportInput> {
  const read = (name: string): Buffer => readFileSync(join(corpusDirectory, 'worker-reports', 'files', name));
  const cases = readExpected<More>('worker-reports').map(([name, entry]) => {
    const { to, before, make } = entry;
    const body = make === undefined ? read(name) : huge(Number(make.split(' ')[1]));
    return caseOf<ReportInput>(name, { to, body, ...(before === undefined ? {} : { before: read(before) }) }, entry);
  });
  return { name: 'worker reports', cases, parsers: [protocol, ...node()], boundMs: 2_000, growthMiB: 96 };
}

const huge = (bytes: number): Buffer =>
  Buffer.from(JSON.stringify({ name: 'w', kind: 'train', status: 'failed', message: 'x'.repeat(bytes) }));

const protocol: Parser<ReportInput> = {
  name: 'protocol',
  speaks: ({ body, to }) => to === 'progress' || (parsed(body) as { name?: unknown } | undefined)?.name === 'w',
  judge({ to, body }) {
    const verdict = (to === 'info' ? workerReport : workerProgress).safeParse(parsed(body));
    if (verdict.success) return { verdict: 'accept', value: kept(verdict.data) };
    const [issue] = verdict.error.issues;
    return { verdict: 'refuse', path: issue?.path.join('.'), message: issue?.message };
  },
};

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Of a report or of progress: what the platform goes by. */
function kept(data: Partial<ReceivedReport> & { step?: number }): Record<string, unknown> {
  const { status, message, results, step } = data;
  const metrics = results?.[0]?.metrics;
  return Object.fromEntries(
    Object.entries({ status, message, metrics, step }).filter(([, value]) => value !== undefined),
  );
}

/** A local controller's API and runtime; `w` is a process that only waits, started anew for each case. */
function node(): Parser<ReportInput>[] {
  const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'reports-'));
  let runtime: ProcessRuntime;
  let server: ReturnType<typeof healthServer>['server'] | undefined;
  let address = '';
  const open = async (): Promise<void> => {
    logger.level = 'silent';
    runtime = waitingRuntime(directory);
    ({ server } = healthServer({ missing: () => [] }));
    serveWorkerApi(server, runtime);
    address = await server.listen({ port: 0, host: '127.0.0.1' });
    await start();
  };
  const start = (): Promise<void> => runtime.ensure(waitingWorker('IncrementalLearningJob'));
  const close = async (): Promise<void> => {
    await runtime.remove('w');
    runtime.detach();
    await server?.close();
  };
  const view = (): string => JSON.stringify([runtime.get('w')?.reports, runtime.get('w')?.progress]);
  const post = (to: string, body: Buffer): Promise<Response> => {
    const headers = { 'content-type': 'application/json' };
    return fetch(`${address}/sedna/workers/w/${to}`, { method: 'POST', headers, body: new Uint8Array(body) });
  };
  const api: Parser<ReportInput> = {
    name: 'worker API',
    open,
    close,
    async judge({ to, body, before }) {
      if (before !== undefined) await post('info', before);
      const seen = view();
      const answer = await post(to, body);
      const { Status, Message } = (await answer.json()) as { Status: number; Message: string };
      const value = view() === seen ? 'ignored' : newest(runtime, to);
      if (seen !== '[{},null]' || value !== 'ignored') await runtime.remove('w').then(start);
      if (answer.status === 200 && Status === 200) return { verdict: 'accept', value };
      if (value !== 'ignored') throw new Error(`answered ${answer.status} and kept it all the same`);
      if (Status !== answer.status || Status >= 500) throw new Error(`answered ${answer.status}: ${Message}`);
      return refusal(Message);
    },
  };
  const client: Parser<ReportInput> = {
    name: 'sdk client',
    open,
    close,
    speaks: ({ body }) => parsed(body) !== undefined,
    async judge({ to, body }) {
      const { delivered, problem = '' } = await postOnce(`${address}/sedna/workers/w/${to}`, parsed(body), {
        timeoutMs: 10_000,
      });
      if (delivered) {
        await runtime.remove('w').then(start);
        return { verdict: 'accept' };
      }
      const text = /"Message":"((?:[^"\\]|\\.)*)/.exec(problem)?.[1] ?? problem;
      return refusal(JSON.parse(`"${text.replace(/\\u?[0-9a-f]*$/, '')}"`) as string);
    },
  };
  return [api, client];
}

function newest(runtime: ProcessRuntime, to: string): unknown {
  const { reports = {}, progress } = runtime.get('w') ?? {};
  if (to === 'progress') return kept(progress ?? {});
  const [last] = Object.values(reports).sort((a, b) => b.at - a.at);
  return kept(last?.report ?? {});
}

function refusal(message: string): Found {
  const path = message.startsWith('name in the body') ? 'name' : /^([\w.]+): /.exec(message)?.[1];
  return { verdict: 'refuse', path, message };
}
