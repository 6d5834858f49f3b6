import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobRef, HotUpdateTarget, RunWorkerResult, WorkerSpec } from '../../../activities/contracts.ts';
import type { WorkerDependencies } from '../../../activities/edge/worker.ts';
import { createWorkerActivities } from '../../../activities/edge/worker.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import type { ObservedMessage } from '../../../workflows/lib/messages.ts';
import { healthServer } from '../../../workers/lib/health.ts';
import { serveWorkerApi, serveWorkerViews } from '../../../workers/lib/worker-api.ts';
import type { ImageEntry } from '../../../workers/runtimes/process/images.ts';
import { ProcessRuntime, type ProcessRuntimeOptions } from '../../../workers/runtimes/process/process-runtime.ts';

/** What a test worker does; each is a program of its own. `report` posts to the local controller as any worker image does. */
const report = `
const body = { name: process.env.WORKER_NAME, namespace: 'default', ownerName: 'job', ownerKind: 'incrementallearningjob',
  kind: process.env.KIND ?? 'train', status: process.env.STATUS ?? 'completed',
  results: [{ format: 'onnx', url: process.env.MODEL_FILE, metrics: { loss: [0.5] } }] };
const tell = () => fetch(process.env.LC_SERVER + '/sedna/workers/' + process.env.WORKER_NAME + '/info',
  { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
`;

export const scripts = {
  trains: `${report} require('node:fs').writeFileSync(process.env.MODEL_FILE, 'weights'); tell();`,
  fails: `${report} process.env.STATUS = 'failed'; body.status = 'failed'; body.message = 'out of memory'; tell();`,
  noRoom: `${report} body.status = 'failed'; body.message = 'ENOSPC: no space left on device, write'; tell();`,
  noRoomAtAll: `console.error('OSError: [Errno 28] no space left on device'); process.exit(1);`,
  crashes: `console.error('first'); console.error('\\u001b[31mno GPU'); process.exit(3);`,
  silent: `console.log('done');`,
  reportsDirectoryToo: `${report} const { dirname } = require('node:path'); require('node:fs').writeFileSync(process.env.MODEL_FILE, 'weights');
    body.results = [{ ...body.results[0], format: 'pb' }, { format: 'ckpt', url: dirname(process.env.MODEL_FILE), metrics: { loss: [0.5] } }]; tell();`,
  reportsDirectory: `${report} body.results[0].url = require('node:path').dirname(process.env.MODEL_FILE); tell();`,
  hangs: `setInterval(() => {}, 1000);`,
  reportsAndHangs: `${report} require('node:fs').writeFileSync(process.env.MODEL_FILE, 'weights'); tell(); setInterval(() => {}, 1000);`,
  serves: `require('node:http').createServer((q, a) => a.end(process.argv.slice(2).join(' ') + ' ' + process.env.GREETING)).listen(process.env.PORT, '127.0.0.1');`,
  servesModel: `${report} const { existsSync, readFileSync } = require('node:fs'); const config = process.env.MODEL_HOT_UPDATE_CONFIG;
    let served = '', seen = '';
    const load = (file) => { const text = readFileSync(file, 'utf8'); if (text === 'bad') throw new Error('no model'); served = text; };
    const look = () => {
      if (!config || !existsSync(config)) return;
      const { model_path: file, model_update_time: time } = JSON.parse(readFileSync(config, 'utf8')).model_config;
      if (time === seen) return;
      seen = time;
      body.kind = 'deploy'; body.results = [{ format: 'onnx', url: file, metrics: {} }]; body.status = 'completed';
      try { load(file); } catch { body.status = 'failed'; body.message = 'no model'; }
      tell();
    };
    setTimeout(() => load(process.env.MODEL_URL), Number(process.env.LOAD_MS ?? 0)); setInterval(look, 100);
    require('node:http').createServer((q, a) => a.end(served)).listen(process.env.PORT, '127.0.0.1');`,
  mute: `require('node:net').createServer().listen(process.env.PORT, '127.0.0.1');`,
  forks: `const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    require('node:http').createServer((q, a) => a.end(String(child.pid))).listen(process.env.PORT, '127.0.0.1');`,
  misses: `let left = 0, missed = 0;
    require('node:http').createServer(({ url }, a) => {
      if (url.startsWith('/miss/')) left = Number(url.slice(6));
      else if (url === '/ready' && left > 0) { left -= 1; missed += 1; return a.writeHead(503).end('busy'); }
      a.end(String(missed));
    }).listen(process.env.PORT, '127.0.0.1');`,
} as const;

export type Script = keyof typeof scripts;

/** A node with the real process runtime, HTTP API and worker activities; its workers are the scripts above. */
export class ProcessNode {
  readonly directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'process-node-'));
  readonly blobs = openBlobStore(join(this.directory, 'blobs'));
  readonly news: ObservedMessage[] = [];
  /** Whether the workflow that asked for a worker is said to be there still. */
  workflowRuns = true;
  readonly images: ImageEntry[];
  /** Of the next local controller. */
  options: ProcessRuntimeOptions = {};
  runtime: ProcessRuntime;
  readonly #environments: MockActivityEnvironment[] = [];
  #address = '';
  readonly #server = healthServer({ missing: () => [] }).server;

  /** `prepare` is given the folder of the local controller before anything is in it. */
  constructor(prepare: (stateDir: string) => void = () => undefined) {
    prepare(this.stateDir);
    for (const [name, source] of Object.entries(scripts)) writeFileSync(join(this.directory, `${name}.cjs`), source);
    this.images = Object.keys(scripts).map((name) => ({
      image: `test/${name}`,
      dir: this.directory,
      command: ['node', `${name}.cjs`],
      env: { GREETING: 'of the entry', MODEL_FILE: join(this.directory, 'model.onnx') },
    }));
    this.runtime = new ProcessRuntime(this.stateDir, this.images);
  }

  get stateDir(): string {
    return join(this.directory, 'state');
  }

  async start(): Promise<this> {
    await this.runtime.recover();
    serveWorkerApi(this.#server, {
      report: (received) => this.runtime.report(received),
      progress: (name, progress) => this.runtime.progress(name, progress),
      list: () => this.runtime.list(),
    });
    serveWorkerViews(this.#server, { list: () => this.runtime.list() });
    this.#address = await this.#server.listen({ port: 0, host: '127.0.0.1' });
    return this;
  }

  /** As a local controller that ends and comes back: its workers go on meanwhile. */
  async restart(between: () => void = () => undefined): Promise<void> {
    this.runtime.detach();
    between();
    this.runtime = new ProcessRuntime(this.stateDir, this.images, this.options);
    await this.runtime.recover();
  }

  get address(): string {
    return this.#address;
  }

  get deps(): WorkerDependencies {
    return {
      node: 'edge-1',
      stateDir: this.stateDir,
      address: () => this.#address,
      blobs: this.blobs,
      runtime: this.runtime,
      signaller: {
        observed: async (_id, message) => void this.news.push(message),
        runs: () => Promise.resolve(this.workflowRuns),
      },
    };
  }

  /** A manifest blob whose train and deploy templates run the script. */
  async manifest(script: string, container: Record<string, unknown> = {}): Promise<BlobRef> {
    const template = { spec: { containers: [{ image: `test/${script}:v1`, ...container }] } };
    return this.blobs.put(JSON.stringify({ spec: { trainSpec: { template }, deploySpec: { template } } }));
  }

  async worker(script: string, change: Partial<WorkerSpec> = {}, container: Record<string, unknown> = {}) {
    const stage = change.stage ?? 'Train';
    const spec: WorkerSpec = {
      name: `${script}-${stage}`.toLowerCase(),
      owner: { kind: 'IncrementalLearningJob', namespace: 'default', name: 'job', uid: 'u-1' },
      stage,
      manifest: await this.manifest(script, container),
      template: stage === 'Inference' ? 'spec.deploySpec.template' : 'spec.trainSpec.template',
      env: {},
      ...change,
    };
    return spec;
  }

  /** Cancelled when the node closes. */
  environment(): MockActivityEnvironment {
    const environment = new MockActivityEnvironment(undefined, { logger: new DefaultLogger('ERROR') });
    this.#environments.push(environment);
    return environment;
  }

  /** Runs the real `runWorker` activity. */
  async run(worker: WorkerSpec, environment = this.environment()): Promise<RunWorkerResult> {
    const { runWorker } = createWorkerActivities(this.deps);
    const listener = { workflowId: 'w', uid: 'u-1', slot: 'round' };
    const result: unknown = await environment.run(runWorker, { round: 1, listener, worker, keepModels: true });
    return result as RunWorkerResult;
  }

  /** Runs the real `serveWorker` activity until the environment is cancelled. */
  serve(worker: WorkerSpec, environment = this.environment(), hotUpdate?: HotUpdateTarget): Promise<unknown> {
    const { serveWorker } = createWorkerActivities(this.deps);
    const listener = { workflowId: 'w', uid: 'u-1', slot: 'serve' };
    return environment.run(serveWorker, { listener, worker, ...(hotUpdate ? { hotUpdate } : {}) });
  }

  async close(): Promise<void> {
    for (const environment of this.#environments) environment.cancel('WORKER_SHUTDOWN');
    await Promise.all(this.runtime.list().map(({ name }) => this.runtime.remove(name)));
    this.runtime.detach();
    await this.#server.close();
  }
}
