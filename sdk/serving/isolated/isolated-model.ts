import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import type { FileHandle } from 'node:fs/promises';
import type { ModelSignature } from '../../../crds/lib/signature.ts';
import type { ServedInput } from '../served-model.ts';
import { openRegularFile } from '../../storage/regular-file.ts';
import type { Tensor, TensorInfo } from '../../tensor.ts';
import { messageOf, OnnxError } from '../../estimators/onnx/errors.ts';
import type { ChildReady } from './child-contract.ts';
import { SessionCrashed, SessionProcess, type ProcessStart } from './session-process.ts';

export interface IsolatedOptions {
  /** Hexadecimal SHA-256 that the file must have. */
  sha256?: string;
  /** What is done before and after the model, in its processes. */
  signature?: ModelSignature;
  /** Sessions, each in a process of its own. Default: 1. */
  processes?: number;
  /** Requests that one process is given at once; all of them fail when it crashes. Default: 8. */
  depth?: number;
  /** Threads within one operator, of each session. Default: what this process may use, divided by `processes`. */
  threads?: number;
  /** In order of preference. Default: CPU. */
  providers?: readonly string[];
  /** Fail instead of running on the CPU what the providers cannot. */
  strict?: boolean;
  /** Private memory of each process at most (Linux, by `prlimit`): what a model asks for beyond it fails. Default: no limit. */
  memoryBytes?: number;
  /** Limit for loading the model, in ms. Default: 60 000. */
  startMs?: number;
  /** Limit for one run, in ms, without the time in which others run before it; a process that takes longer is ended. Default: 60 000. */
  runMs?: number;
  /** So many crashes within `crashWindowMs` and the model is not started again. Default: 3 within 10 minutes. */
  crashes?: number;
  crashWindowMs?: number;
  /** Told of each crash. */
  onCrash?: (crash: Error) => void;
  /** Told, with the reason, that it is not started again. */
  onQuarantine?: (reason: string) => void;
}

/** The model crashed too often: `reason` says how. Opening it again is what lifts this. */
export class ModelQuarantined extends OnnxError {
  constructor(message: string) {
    super('RuntimeFailed', message);
    this.name = 'ModelQuarantined';
  }
}

/** Requests that one process is given at once: the next ones lie ready when it has answered one, and small ones share their writes. */
const DEPTH = 8;

/**
 * An ONNX model in processes of its own: a native crash costs the requests that a process has at that moment, each one error
 * (`SessionCrashed`), and it is started again at once. The file stays open, so a restart loads what was loaded first even when another
 * file has taken its name. Refuses, with the file's name, what is not a runnable ONNX model.
 */
export async function openIsolatedModel(file: string, options: IsolatedOptions = {}): Promise<IsolatedModel> {
  let handle: FileHandle;
  try {
    if (!isAbsolute(file)) throw new Error('the path is not absolute');
    handle = await openRegularFile(file);
  } catch (error) {
    throw new OnnxError('InvalidModel', `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return IsolatedModel.open(file, handle, options);
}

export class IsolatedModel {
  readonly inputs: readonly ServedInput[];
  readonly outputs: readonly TensorInfo[];
  /** Of the file. */
  readonly sha256: string;
  readonly #handle: FileHandle;
  readonly #options: IsolatedOptions;
  readonly #start: ProcessStart;
  readonly #sessions = new Set<SessionProcess>();
  /** Runs that wait for a process to be started again. */
  #onSession: (() => void)[] = [];
  #crashedAt: number[] = [];
  #quarantine: ModelQuarantined | undefined;
  #closed = false;

  private constructor(handle: FileHandle, start: ProcessStart, options: IsolatedOptions, ready: ChildReady) {
    this.#handle = handle;
    this.#start = { ...start, sha256: ready.sha256 };
    this.#options = options;
    this.inputs = ready.inputs;
    this.outputs = ready.outputs;
    this.sha256 = ready.sha256;
  }

  /** Takes the handle over. */
  static async open(file: string, handle: FileHandle, options: IsolatedOptions): Promise<IsolatedModel> {
    const { processes = 1, sha256, signature, startMs = 60_000, runMs = 60_000, memoryBytes } = options;
    const { threads, providers, strict } = options;
    const session = { threads: threads ?? threadsFor(processes), providers, strict };
    const limits = { startMs, runMs, memoryBytes };
    const start: ProcessStart = { origin: file, sha256, signature, session, fd: handle.fd, ...limits };
    try {
      // The first alone: what is refused is refused once.
      const first = await SessionProcess.start(start);
      const model = new IsolatedModel(handle, start, options, first.ready);
      model.#adopt(first.session);
      await Promise.all(Array.from({ length: processes - 1 }, () => model.#startAnother())).catch(async (error) => {
        await model.close();
        throw error;
      });
      return model;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Runs that make sense at once: more only wait inside. */
  get capacity(): number {
    return (this.#options.processes ?? 1) * (this.#options.depth ?? DEPTH);
  }

  get pids(): number[] {
    return [...this.#sessions].flatMap(({ pid }) => pid ?? []);
  }

  /** Why it does not run any more; `undefined` as long as it does. */
  get quarantined(): string | undefined {
    return this.#quarantine?.message;
  }

  async run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    return (await this.runTimed(feeds)).outputs;
  }

  /** With the time in the model, in microseconds. */
  async runTimed(feeds: Record<string, Tensor>): Promise<{ outputs: Record<string, Tensor>; microseconds: number }> {
    const tensors = this.inputs.map(({ name }, i) => {
      const tensor = feeds[name];
      if (!tensor) throw new OnnxError('InvalidInput', `input "${name}": missing`);
      return { name: i, tensor };
    });
    const session = this.#free() ?? (await this.#nextSession());
    const { tensors: answered, microseconds } = await session.run(tensors);
    const outputs = answered.map(({ name, tensor }) => [this.outputs[name]?.name ?? '', tensor] as const);
    return { outputs: Object.fromEntries(outputs), microseconds };
  }

  /** Ends the processes. Runs under way fail; closing twice is allowed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    await Promise.all([...this.#sessions].map((session) => session.close()));
    await this.#handle.close();
  }

  /** The one with the least to do. */
  #free(): SessionProcess | undefined {
    let best: SessionProcess | undefined;
    for (const session of this.#sessions) if (!best || session.inFlight < best.inFlight) best = session;
    return best;
  }

  async #nextSession(): Promise<SessionProcess> {
    for (;;) {
      if (this.#closed) throw new OnnxError('InvalidInput', 'the model is closed');
      if (this.#quarantine) throw this.#quarantine;
      const session = this.#free();
      if (session) return session;
      await new Promise<void>((resolve) => this.#onSession.push(resolve));
    }
  }

  async #startAnother(): Promise<void> {
    const { session } = await SessionProcess.start(this.#start);
    if (this.#closed) await session.close();
    else this.#adopt(session);
  }

  #adopt(session: SessionProcess): void {
    this.#sessions.add(session);
    this.#wake();
    void session.ended().then((crash) => {
      this.#sessions.delete(session);
      if (crash) void this.#restart(crash);
    });
  }

  /** Tries until one is up or there were too many crashes; a start that fails is one too. */
  async #restart(crash: Error): Promise<void> {
    for (let last = crash; !this.#closed;) {
      this.#options.onCrash?.(last);
      if (this.#tooMany()) return this.#giveUp(last);
      try {
        return await this.#startAnother();
      } catch (error) {
        last = error as Error;
      }
    }
  }

  #tooMany(): boolean {
    const { crashes = 3, crashWindowMs = 600_000 } = this.#options;
    const now = performance.now();
    this.#crashedAt = [...this.#crashedAt.filter((at) => now - at < crashWindowMs), now];
    return this.#crashedAt.length >= crashes;
  }

  #giveUp({ message }: Error): void {
    this.#quarantine = new ModelQuarantined(`crashed ${this.#crashedAt.length} times, last: ${message}`);
    this.#wake();
    for (const session of this.#sessions) void session.close();
    this.#options.onQuarantine?.(this.#quarantine.message);
  }

  #wake(): void {
    for (const resolve of this.#onSession.splice(0)) resolve();
  }
}

function threadsFor(processes: number): number | undefined {
  return processes === 1 ? undefined : Math.max(1, Math.floor(availableParallelism() / processes));
}

export { SessionCrashed };
