/** The `process` runtime: workers are child processes of the node, from an allowlist of images. */
import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type {
  FrontLaunch,
  FrontLoad,
  WorkerLaunch,
  WorkerRuntime,
  WorkerView,
} from '../../../activities/edge/runtime.ts';
import type { ReceivedProgress, ReceivedReport } from '../../../sdk/worker/protocol.ts';
import type { Owner } from '../../../workflows/lib/ids.ts';
import { failure, orDiskFull } from '../../../activities/lib/failure.ts';
import { processesWith } from '../../lib/process.ts';
import { cpuSecondsOf, leadersOf, stopGroup } from '../../lib/process-group.ts';
import { frontImage } from './built-in.ts';
import { Fronts, launchOfFront, removeFrontDirectory } from './fronts.ts';
import type { ImageEntry } from './images.ts';
import { commandOf } from './launch.ts';
import { pruneLogs } from './log-retention.ts';
import { WorkerStore, type WorkerRecord } from './store.ts';
import { Supervised } from './supervised.ts';

/** In the environment of every worker: tells whose it is even when the local database is lost. */
export const stateDirVariable = 'SEDNA_STATE_DIR';

/** Finished workers are kept for late questions; older ones are forgotten. */
const keptFinished = 200;
const keptDrained = 1_000;

export interface ProcessRuntimeOptions {
  /** A worker that is not ready after so long is told to be so. Default: 30 000. */
  startingMs?: number;
  /** Workers that have ended and whose logs are kept. Default: 50. */
  keptLogs?: number;
  /** How long a replica may say nothing before it answers a request through a front. Default: 120. */
  silentSeconds?: number | undefined;
}

export class ProcessRuntime implements WorkerRuntime {
  readonly kind = 'process';
  readonly #stateDir: string;
  readonly #images: ImageEntry[];
  readonly #options: ProcessRuntimeOptions & { startingMs: number; keptLogs: number };
  readonly #store: WorkerStore;
  readonly #workers = new Map<string, Supervised>();
  readonly #fronts: Fronts;
  readonly #events = new EventEmitter().setMaxListeners(0);
  /** Let go for good: a late word of somebody who still wants one must not bring it back. Their names are used once. */
  readonly #drained = new Set<string>();
  /** Starting, replacing and removing one worker happen one after the other. */
  readonly #queues = new Map<string, Promise<void>>();

  constructor(stateDir: string, images: ImageEntry[], options: ProcessRuntimeOptions = {}) {
    const { startingMs = 30_000, keptLogs = 50, silentSeconds } = options;
    this.#options = { startingMs, keptLogs, silentSeconds };
    this.#stateDir = stateDir;
    this.#images = images;
    this.#store = new WorkerStore(join(stateDir, 'workers.db'));
    this.#fronts = new Fronts(stateDir, () => this.#workers.values());
  }

  /** Takes over what runs since before this process, and stops workers of this node that nobody remembers. */
  async recover(): Promise<void> {
    const known = new Set<number>();
    for (const record of this.#store.all()) {
      const worker = this.#supervise(record);
      if (record.exit === undefined && worker.adopt()) {
        if (record.process !== undefined) known.add(record.process.pid);
        continue;
      }
      record.exit ??= { unseen: true };
      if (record.launch.restart === 'Always') worker.resume();
    }
    const marked = processesWith(stateDirVariable, this.#stateDir);
    // The children of one that was taken over carry its environment, and go on with it.
    const strangers = leadersOf(marked, known);
    await Promise.all(strangers.map((stranger) => stopGroup(stranger, 2_000)));
    this.#prune();
  }

  /** Stops watching; workers go on and are found again by `recover`. */
  detach(): void {
    for (const worker of this.#workers.values()) worker.detach();
    this.#store.close();
  }

  ensure(launch: WorkerLaunch): Promise<void> {
    return this.#serial(launch.name, async () => {
      if (this.#drained.has(launch.name)) throw failure('WorkerFailed', `${launch.name} was let go`);
      this.check(launch);
      const known = this.#workers.get(launch.name);
      if (known !== undefined && stands(known.record, launch)) return;
      await known?.stop();
      const { ports = {} } = known?.record ?? {};
      await this.#start({ launch, restarts: 0, ports, reports: {} });
    });
  }

  check(launch: WorkerLaunch): void {
    commandOf(launch, this.#images, {});
  }

  get(name: string): WorkerView | undefined {
    return this.#workers.get(name)?.view;
  }

  list(): WorkerView[] {
    return [...this.#workers.values()].map((worker) => worker.view);
  }

  watch(name: string, listener: (worker: WorkerView | undefined) => void): () => void {
    const tell = (): void => listener(this.get(name));
    this.#events.on(name, tell);
    queueMicrotask(tell);
    return () => this.#events.off(name, tell);
  }

  restart(name: string): Promise<void> {
    return this.#serial(name, async () => {
      const worker = this.#workers.get(name);
      if (worker === undefined) throw failure('WorkerFailed', `there is no worker ${name} on this node to restart`);
      await worker.stop();
      await worker.start();
    });
  }

  remove(name: string): Promise<void> {
    return this.#serial(name, async () => {
      await this.#workers.get(name)?.stop();
      this.#forget(name);
    });
  }

  ensureFront(front: FrontLaunch): Promise<void> {
    return this.ensure(launchOfFront(this.#stateDir, front, this.#options.silentSeconds));
  }

  drain(name: string): Promise<void> {
    return this.#serial(name, async () => {
      const worker = this.#workers.get(name);
      if (worker?.record.launch.image !== frontImage) this.#remember(name);
      if (worker === undefined) return;
      worker.drain();
      const { front } = worker.record.launch;
      if (front !== undefined) await this.#fronts.released(front, name);
      await worker.stop();
      this.#forget(name);
    });
  }

  load(front: string): Promise<FrontLoad | undefined> {
    return this.#fronts.ask(front);
  }

  cpuSeconds(names: readonly string[]): Map<string, number> {
    const pids = new Map(names.map((name) => [name, this.get(name)?.pid ?? 0]));
    const seconds = cpuSecondsOf([...pids.values()]);
    return new Map([...pids].flatMap(([name, pid]) => (seconds.has(pid) ? [[name, seconds.get(pid) ?? 0]] : [])));
  }

  uses(path: string): boolean {
    return [...this.#workers.values()].some(
      ({ record }) =>
        runsOn(record) && Object.values(record.launch.contract).some((value) => value.split(';').includes(path)),
    );
  }

  async removeOwner(uid: string): Promise<void> {
    const owned = this.list().filter((worker) => worker.owner.uid === uid);
    await Promise.all(owned.map((worker) => this.remove(worker.name)));
  }

  owners(): Owner[] {
    return [...new Map(this.list().map((worker) => [worker.owner.uid, worker.owner])).values()];
  }

  /** A worker's own message. False: no such worker here, or it has told its end already; it is answered all the same. */
  report(report: ReceivedReport): boolean {
    return this.#workers.get(report.name)?.report(report) ?? false;
  }

  progress(name: string, progress: ReceivedProgress): boolean {
    const worker = this.#workers.get(name);
    worker?.progress(progress);
    return worker !== undefined;
  }

  async #start(record: WorkerRecord): Promise<void> {
    const worker = this.#supervise(record);
    try {
      await worker.start();
    } catch (error) {
      this.#forget(record.launch.name);
      if (error instanceof Error && error.name === 'ApplicationFailure') throw error;
      const named = orDiskFull(error);
      if (named !== error) throw named;
      throw failure('WorkerFailed', (error as Error).message, error);
    }
    this.#prune();
  }

  #supervise(record: WorkerRecord): Supervised {
    const { name } = record.launch;
    const worker = new Supervised(record, join(this.#logs, `${name}.log`), {
      save: (changed) => this.#store.save(changed),
      changed: () => this.#changed(record.launch),
      startingMs: this.#options.startingMs,
      command: (ports) => commandOf(record.launch, this.#images, this.#environment(record.launch, ports)),
    });
    this.#workers.set(name, worker);
    return worker;
  }

  #changed({ name, front }: Pick<WorkerLaunch, 'name' | 'front'>): void {
    if (front !== undefined) this.#fronts.update(front);
    this.#events.emit(name);
  }

  #environment(launch: WorkerLaunch, ports: Record<string, number>): Record<string, string> {
    const env: Record<string, string> = { [stateDirVariable]: this.#stateDir };
    const entries = Object.entries(ports);
    for (const [variable, name] of Object.entries(launch.portVariables ?? {})) env[variable] = String(ports[name]);
    if (launch.portsVariable !== undefined) env[launch.portsVariable] = JSON.stringify(ports);
    for (const [name, port] of entries) {
      env[`SEDNA_PORT_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`] = String(port);
    }
    const [first] = entries;
    if (first !== undefined) env['PORT'] = String(first[1]);
    return env;
  }

  #remember(name: string): void {
    this.#drained.add(name);
    const [oldest] = this.#drained;
    if (this.#drained.size > keptDrained && oldest !== undefined) this.#drained.delete(oldest);
  }

  #forget(name: string): void {
    const { launch } = this.#workers.get(name)?.record ?? {};
    this.#workers.delete(name);
    this.#store.remove(name);
    if (launch?.image === frontImage) removeFrontDirectory(this.#stateDir, name);
    this.#changed({ name, ...(launch?.front === undefined ? {} : { front: launch.front }) });
  }

  get #logs(): string {
    return join(this.#stateDir, 'logs');
  }

  #prune(): void {
    const finished = [...this.#workers.values()].filter(({ record }) => !runsOn(record));
    for (const { record } of finished.slice(0, -keptFinished)) this.#forget(record.launch.name);
    const runs = (name: string): boolean => {
      const worker = this.#workers.get(name);
      return worker !== undefined && runsOn(worker.record);
    };
    pruneLogs(this.#logs, runs, this.#options.keptLogs);
  }

  #serial(name: string, act: () => Promise<void>): Promise<void> {
    const next = (this.#queues.get(name) ?? Promise.resolve()).then(act, act);
    const settled = next.catch(() => undefined);
    this.#queues.set(name, settled);
    void settled.then(() => {
      if (this.#queues.get(name) === settled) this.#queues.delete(name);
    });
    return next;
  }
}

/** It has not ended for good. */
function runsOn({ exit, launch }: WorkerRecord): boolean {
  return exit === undefined || launch.restart === 'Always';
}

/** Whether what there is, running or ended, is what the launch asks for. */
function stands({ launch: before, exit, reports }: WorkerRecord, launch: WorkerLaunch): boolean {
  if (before.revision !== launch.revision) return false;
  if (launch.restart === 'Always' || exit === undefined) return true;
  // An end that was seen, or a report, is the result; one that was lost unseen (the node went down) is run again.
  return exit.unseen !== true || Object.keys(reports).length > 0;
}
