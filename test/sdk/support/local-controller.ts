import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { workerProgress, workerReport } from '../../../sdk/worker/index.ts';
import type { ReceivedProgress, ReceivedReport } from '../../../sdk/worker/index.ts';

export interface Answer {
  status: number;
  body: string;
}

const OK: Answer = { status: 200, body: '{"Status":200,"Message":"OK"}' };

/** The worker side of a local controller over real HTTP: answers from `answers` first, then 200, and keeps what it understood. */
export class TestLocalController {
  readonly answers: Answer[] = [];
  readonly requests: { path: string; at: number }[] = [];
  readonly reports: ReceivedReport[] = [];
  readonly progress: ReceivedProgress[] = [];
  private server: Server | undefined;

  get url(): string {
    return `http://127.0.0.1:${(this.server?.address() as AddressInfo).port}`;
  }

  async listen(port = 0): Promise<this> {
    this.server = createServer((request, response) => {
      void text(request).then((body) => {
        const answer = this.answers.shift() ?? OK;
        this.take(request.url ?? '', body, answer);
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
      });
    });
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  async close(): Promise<void> {
    this.server?.closeAllConnections();
    this.server?.close();
    if (this.server) await once(this.server, 'close');
    this.server = undefined;
  }

  private take(path: string, body: string, answer: Answer): void {
    this.requests.push({ path, at: performance.now() });
    if (answer !== OK) return;
    if (path.endsWith('/info')) this.reports.push(workerReport.parse(JSON.parse(body)));
    if (path.endsWith('/progress')) this.progress.push(workerProgress.parse(JSON.parse(body)));
  }
}
