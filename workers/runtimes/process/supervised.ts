/** One worker process: started, watched, restarted with back-off, adopted after a restart of the local controller. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { WorkerExit, WorkerView } from '../../../activities/edge/runtime.ts';
import type { ReceivedProgress, ReceivedReport } from '../../../sdk/worker/protocol.ts';
import { freePort } from '../../lib/ports.ts';
import { isAlive, startTime } from '../../lib/process.ts';
import { endGroup, stopGroup } from '../../lib/process-group.ts';
import { rotateLog } from './log-rotation.ts';
import { lastLines } from './log-tail.ts';
import type { Command } from './launch.ts';
import { Probe } from './probe.ts';
import { whyNotReady } from './readiness.ts';
import type { WorkerRecord } from './store.ts';

const tickMs = 250;
/** One that is ready has nothing to wait for but its probe and the size of its log; whether an adopted one lives must be asked. */
const calmMs = { asked: 1_000, told: 5_000 };
const graceMs = 10_000;
/** For what a worker that has ended by itself has left behind. */
const leftGraceMs = 2_000;
const backoffMs = { first: 200, longest: 10_000 };
/** Having run for so long, the next crash is a new one. */
const healthyMs = 60_000;
/** A worker without probe that has just crashed must stay up for so long before it counts as ready again. */
const settledMs = 5_000;

export interface SupervisedHooks {
  save(record: WorkerRecord): void;
  changed(): void;
  /** Composes what is executed; throws what a person must mend. */
  command(ports: Record<string, number>): Command;
  /** One that starts may take its time; after so many ms it says what it waits for. */
  startingMs: number;
}

export class Supervised {
  readonly record: WorkerRecord;
  readonly log: string;
  readonly #hooks: SupervisedHooks;
  readonly #probe: Probe;
  #progress: ReceivedProgress | undefined;
  #problem: WorkerView['problem'];
  #watching = false;
  #timer: NodeJS.Timeout | undefined;
  /** A child of this process tells its exit by itself; an adopted one just disappears. */
  #isChild = false;
  /** Times of the monotonic clock: a node may boot with the wrong time and be set right later. */
  #startedMs = 0;
  #restartAt: number | undefined;
  #wait = backoffMs.first;
  /** Set on purpose: an end is then neither a crash nor a reason to start again. */
  #stopping = false;
  #detached = false;
  #noRoom: string | undefined;
  /** What is remembered is not yet on the disk, which was full. */
  #unsaved = false;
  #starting: Promise<void> = Promise.resolve();
  /** What the last process had left behind is gone. */
  #swept: Promise<unknown> = Promise.resolve();

  constructor(record: WorkerRecord, log: string, hooks: SupervisedHooks) {
    this.record = record;
    this.log = log;
    this.#hooks = hooks;
    this.#probe = new Probe(async () => (this.#mayBeReady() ? whyNotReady(this.record) : 'it has just crashed'));
  }

  get view(): WorkerView {
    const { launch, process: running, startedAt, restarts, ports, exit, reports } = this.record;
    const state = exit !== undefined ? 'exited' : running === undefined ? 'starting' : 'running';
    return {
      name: launch.name,
      owner: launch.owner,
      stage: launch.stage,
      image: launch.image,
      state,
      ready: this.#serves && !this.#probe.silent,
      probed: launch.readiness !== undefined,
      ...(running === undefined || exit !== undefined ? {} : { pid: running.pid }),
      ...(startedAt === undefined ? {} : { startedAt }),
      restarts,
      endpoints: Object.entries(ports).map(([name, port]) => ({ name, url: `http://127.0.0.1:${port}` })),
      ...(exit === undefined ? {} : { exit }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      log: this.log,
      reports,
      ...(this.#progress === undefined ? {} : { progress: this.#progress }),
      ...(this.#noRoom === undefined ? {} : { noRoom: this.#noRoom }),
      ...(launch.front === undefined ? {} : { front: launch.front }),
      ...(exit !== undefined && launch.restart === 'Always' ? { comesBack: true } : {}),
    };
  }

  /**
   * Whether requests go to it. `maybe`: it was ready, and is silent now; better than nobody. A process that was taken over counts as
   * it did before, so that the end of a local controller changes nothing.
   */
  get takesRequests(): 'yes' | 'maybe' | 'no' {
    if (!this.#serves || this.record.draining === true) return 'no';
    return this.#probe.silent ? 'maybe' : 'yes';
  }

  /** Its process runs, and has been ready. */
  get #serves(): boolean {
    const { process: running, exit, served } = this.record;
    return running !== undefined && exit === undefined && served === true;
  }

  /** No new requests from now on. */
  drain(): void {
    this.record.draining = true;
    this.#changed();
  }

  /** Takes over a process that an earlier local controller started; false when it is gone. */
  adopt(): boolean {
    const { process: running } = this.record;
    if (running === undefined || !isAlive(running)) return false;
    this.#startedMs = performance.now();
    this.#watch();
    return true;
  }

  start(): Promise<void> {
    this.#stopping = false;
    // Somebody wants it anew: what was wrong with the last one says nothing about this one.
    this.#problem = undefined;
    return (this.#starting = this.#start());
  }

  /** Starts again by itself, as after a crash: at once, then with back-off until it succeeds. */
  resume(): void {
    this.record.exit ??= { unseen: true };
    this.#restartAt = performance.now();
    this.#watch();
  }

  async #start(): Promise<void> {
    this.#restartAt = undefined;
    // It may hold ports, files and memory that the next one needs.
    await this.#swept;
    this.record.exit = undefined;
    for (const { name } of this.record.launch.ports) {
      this.record.ports[name] = await freePort(this.record.ports[name]);
    }
    const command = this.#hooks.command(this.record.ports);
    await this.#spawn(command);
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    // A start that is under way would leave a process that nobody knows.
    await this.#starting.catch(() => undefined);
    this.#unwatch();
    const { process: running } = this.record;
    if (running !== undefined && this.record.exit === undefined) await stopGroup(running, graceMs);
    await this.#swept;
    this.record.served = false;
    this.#probe.reset();
  }

  /** Stops watching; the process goes on. */
  detach(): void {
    this.#detached = true;
    this.#unwatch();
  }

  /**
   * False for what comes after the end that the worker told: a repeated or late message must not undo its result. Throws when
   * the disk is full: a report that could be lost is not accepted, its worker sends it again.
   */
  report(report: ReceivedReport): boolean {
    const { reports, launch } = this.record;
    const told = reports[report.kind]?.report.status;
    if (launch.restart === 'Never' && (told === 'completed' || told === 'failed')) return false;
    this.record.reports = { ...reports, [report.kind]: { at: Date.now(), report } };
    try {
      this.#hooks.save(this.record);
    } catch (error) {
      this.record.reports = reports;
      this.#noRoom = (error as Error).message;
      throw error;
    }
    this.#noRoom = undefined;
    this.#hooks.changed();
    return true;
  }

  progress(progress: ReceivedProgress): void {
    this.#progress = progress;
  }

  async #spawn({ file, args, cwd, env }: Command): Promise<void> {
    mkdirSync(dirname(this.log), { recursive: true });
    const output = openSync(this.log, 'a', 0o600);
    try {
      const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', output, output] });
      const exited = (code: number | null, signal: NodeJS.Signals | null): void =>
        this.#ended({ ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) }, child.pid);
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', (error) => reject(new Error(`cannot run ${file} in ${cwd}: ${error.message}`)));
      });
      child.once('exit', exited);
      child.unref();
      this.#isChild = true;
      const pid = child.pid ?? 0;
      this.record.process = { pid, startedAt: startTime(pid) ?? 'gone' };
      this.record.startedAt = new Date().toISOString();
      this.#startedMs = performance.now();
      this.#probe.reset();
      this.record.served = false;
      this.#noRoom = undefined;
      if (this.record.launch.restart === 'Never') this.#problem = undefined;
      this.#changed();
    } finally {
      closeSync(output);
    }
  }

  #watch(): void {
    this.#watching = true;
    this.#tick();
    this.#arm();
  }

  #unwatch(): void {
    this.#watching = false;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const pace = this.#watching ? this.#paceMs() : undefined;
    if (pace !== undefined) this.#timer = setTimeout(() => this.#watch(), pace);
  }

  /** Undefined: there is nothing to look at. */
  #paceMs(): number | undefined {
    const { exit, launch } = this.record;
    if (exit !== undefined) return this.#unsaved || this.#restartAt !== undefined ? tickMs : undefined;
    if (this.#unsaved || !this.#probe.ready) return tickMs;
    return this.#isChild && launch.readiness === undefined ? calmMs.told : calmMs.asked;
  }

  #tick(): void {
    const { process: running, exit } = this.record;
    if (this.#unsaved) this.#save();
    if (exit !== undefined) {
      if (this.#restartAt !== undefined && performance.now() >= this.#restartAt && !this.#stopping)
        void this.#restart();
      return;
    }
    if (running !== undefined && !this.#isChild && !isAlive(running)) {
      setTimeout(() => this.#ended({ unseen: true }, running.pid), tickMs);
      return;
    }
    rotateLog(this.log);
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const before = this.takesRequests;
    const { ready: wasReady, problem: had } = this.view;
    const { process: asked } = this.record;
    if (!(await this.#probe.ask())) return;
    if (this.#detached || this.record.exit !== undefined || this.record.process !== asked) return;
    const answered = this.#probe.ready;
    if (answered) {
      this.record.served = true;
      this.#problem = undefined;
    } else if (this.#problem?.reason !== 'WorkerNotReady') this.#problem = this.#whyNotReady() ?? this.#problem;
    const { ready, problem } = this.view;
    if (ready === wasReady && problem === had && before === this.takesRequests) return;
    this.#changed();
  }

  /** Undefined: nothing is known to be wrong. What keeps ending says that instead. */
  #whyNotReady(): WorkerView['problem'] {
    const { name } = this.record.launch;
    const message = (how: string): string => `${name} runs ${how}: ${this.#probe.why}`;
    if (this.#serves) {
      if (!this.#probe.silent) return undefined;
      return { reason: 'WorkerNotReady', message: message('and was ready, but is not any more') };
    }
    const { startingMs } = this.#hooks;
    if (performance.now() - this.#startedMs < startingMs || this.#problem?.reason === 'WorkerFailed') return undefined;
    return { reason: 'WorkerNotReady', message: message(`for ${startingMs / 1_000} s and more, but is not ready`) };
  }

  #mayBeReady(): boolean {
    const unproven = this.record.launch.readiness === undefined && this.#problem !== undefined;
    return !unproven || performance.now() - this.#startedMs >= settledMs;
  }

  #ended(exit: WorkerExit, pid: number | undefined): void {
    if (this.#stopping || this.#detached || this.record.exit !== undefined || this.record.process?.pid !== pid) return;
    this.record.exit = exit;
    this.#probe.reset();
    this.#sweep();
    const { name, restart } = this.record.launch;
    const tail = lastLines(this.log, 5);
    const failed = exit.code !== 0 || restart === 'Always';
    if (failed) {
      this.#problem = {
        reason: 'WorkerFailed',
        message: `${name}: ${ending(exit)}${tail === '' ? '' : `; last lines: ${tail}`}`,
      };
    }
    if (restart === 'Always') {
      if (performance.now() - this.#startedMs > healthyMs) this.#wait = backoffMs.first;
      this.#restartAt = performance.now() + this.#wait;
      this.#wait = Math.min(this.#wait * 2, backoffMs.longest);
    }
    this.#changed();
  }

  /** Only right after an end: later the number of its group may be another's. */
  #sweep(): void {
    const { process: ended } = this.record;
    if (ended !== undefined) this.#swept = endGroup(ended, leftGraceMs);
  }

  async #restart(): Promise<void> {
    this.#restartAt = undefined;
    this.record.restarts += 1;
    try {
      await (this.#starting = this.#start());
    } catch (error) {
      this.record.exit = {};
      this.#problem = { reason: 'WorkerFailed', message: `${this.record.launch.name}: ${(error as Error).message}` };
      this.#restartAt = performance.now() + this.#wait;
      this.#changed();
    }
  }

  #changed(): void {
    this.#save();
    this.#arm();
    this.#hooks.changed();
  }

  /** A full disk must neither end this process nor stop it from starting workers again: the next tick tries once more. */
  #save(): void {
    try {
      this.#hooks.save(this.record);
      this.#unsaved = false;
    } catch {
      this.#unsaved = true;
    }
  }
}

function ending({ code, signal, unseen }: WorkerExit): string {
  if (unseen === true) return 'ended unseen';
  return signal === undefined ? `exit code ${code}` : `killed by ${signal}`;
}
