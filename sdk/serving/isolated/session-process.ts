import { spawn, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OnnxError } from '../../estimators/onnx/errors.ts';
import type { ChildFailure, ChildOptions, ChildReady } from './child-contract.ts';
import { FrameReader } from './frame-reader.ts';
import { FrameKind, tensorFrame, type Frame, type NamedTensor } from './frame.ts';

const script = fileURLToPath(new URL(`./session-child${extname(fileURLToPath(import.meta.url))}`, import.meta.url));

/** What a model's code may see of the environment: a hostile one finds no secrets there. */
const PASSED = /^(PATH|HOME|TMPDIR|TZ|LANG|LC_.*|LD_LIBRARY_PATH|(CUDA|NVIDIA|TENSORRT|ROCM|HIP|OMP|ORT|OPENVINO).*)$/;
const STDERR_CHARS = 2_000;
/** Frames up to this size are copied into one. */
const ONE_WRITE_BYTES = 64 * 1024;

/** The process ended although nobody asked it to: each of its requests fails with this. */
export class SessionCrashed extends OnnxError {
  constructor(message: string) {
    super('RuntimeFailed', message);
    this.name = 'SessionCrashed';
  }
}

export interface Answer {
  tensors: NamedTensor[];
  /** Time in the model. */
  microseconds: number;
}

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

export interface ProcessStart extends ChildOptions {
  /** Open file of the model. */
  fd: number;
  /** Limit for loading the model, in ms. */
  startMs: number;
  /** Limit for one run, in ms; a process that takes longer is ended. */
  runMs: number;
  /** Of its private memory. */
  memoryBytes?: number;
}

/** A child process with one session. */
export class SessionProcess {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #origin: string;
  readonly #runMs: number;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<void>;
  /** Of the first request that it has: they run one after another. */
  #timer: NodeJS.Timeout | undefined;
  #ready: { resolve: (ready: ChildReady) => void; reject: (error: Error) => void } | undefined;
  #next = 1;
  #outgoing: Uint8Array[] = [];
  #closing = false;
  #stderr = '';
  #why: string | undefined;

  private constructor({ fd, memoryBytes, runMs, ...options }: ProcessStart) {
    this.#origin = options.origin;
    this.#runMs = runMs;
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED.test(name)));
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', script, JSON.stringify(options)];
    const limited = memoryBytes === undefined ? node : ['prlimit', `--data=${memoryBytes}`, ...node];
    const [command = '', ...argv] = limited;
    this.#child = spawn(command, argv, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', fd], env });
    this.#socket = this.#child.stdio[3] as Socket;
    this.#ended = new Promise((resolve) => this.#child.once('close', () => resolve()));
  }

  /** Starts one and loads the model; rejects with what the model is refused for, or with `SessionCrashed`. */
  static async start(options: ProcessStart): Promise<{ session: SessionProcess; ready: ChildReady }> {
    const session = new SessionProcess(options);
    return { session, ready: await session.#started(options.startMs) };
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Requests that it has not answered. */
  get inFlight(): number {
    return this.#waiting.size;
  }

  /** Resolves when the process has ended, with the reason where nobody asked it to. */
  async ended(): Promise<SessionCrashed | undefined> {
    await this.#ended;
    return this.#closing ? undefined : this.#crash();
  }

  run(tensors: readonly NamedTensor[]): Promise<Answer> {
    const request = this.#next++ % 2 ** 32;
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null || this.#socket.destroyed) return reject(this.#crash());
      const isFirst = this.#waiting.size === 0;
      if (isFirst) this.#hold(true);
      this.#waiting.set(request, { resolve, reject });
      if (isFirst) this.#timeFirst();
      this.#write(tensorFrame(request, tensors));
    });
  }

  /** Ends it at once, and its requests with the reason. */
  kill(why: string): void {
    this.#why ??= why;
    this.#child.kill('SIGKILL');
  }

  /** Ends it; running requests must have ended. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#hold(true);
    this.#socket.destroy();
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async #started(startMs: number): Promise<ChildReady> {
    const timer = setTimeout(() => this.kill(`did not load the model within ${startMs} ms`), startMs);
    try {
      return await new Promise<ChildReady>((resolve, reject) => {
        this.#ready = { resolve, reject };
        this.#listen();
      });
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#ready = undefined;
      this.#hold(false);
    }
  }

  #listen(): void {
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_CHARS);
    });
    this.#socket.on('data', (chunk: Buffer) => {
      for (const frame of this.#reader.take(chunk)) this.#take(frame);
    });
    // What is written to a process that has ended; `close` tells the rest.
    this.#socket.on('error', () => undefined);
    this.#child.on('error', ({ message }) => (this.#why ??= `could not be started: ${message}`));
    void this.#ended.then(() => this.#failAll(this.#crash()));
  }

  #take({ request, kind, microseconds, tensors, text }: Frame): void {
    if (request === 0) {
      if (kind === FrameKind.ready) this.#ready?.resolve(JSON.parse(text) as ChildReady);
      else this.#ready?.reject(failureOf(text));
      return;
    }
    const waiting = this.#waiting.get(request);
    if (!waiting) return;
    this.#waiting.delete(request);
    this.#timeFirst();
    if (this.#waiting.size === 0) this.#hold(false);
    if (kind === FrameKind.tensors) waiting.resolve({ tensors, microseconds });
    else waiting.reject(failureOf(text));
  }

  /** The run that begins now, if there is one. */
  #timeFirst(): void {
    clearTimeout(this.#timer);
    if (this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => this.kill(`did not answer within ${this.#runMs} ms`), this.#runMs);
  }

  #failAll(crash: SessionCrashed): void {
    this.#ready?.reject(crash);
    for (const { reject } of this.#waiting.values()) reject(crash);
    this.#waiting.clear();
    this.#timeFirst();
  }

  #crash(): SessionCrashed {
    const { signalCode, exitCode } = this.#child;
    const how = this.#why ?? (signalCode ? `was ended by ${signalCode}` : `exited with ${exitCode}`);
    const last = this.#stderr.trim().split('\n').at(-1);
    return new SessionCrashed(`the process of ${this.#origin} ${how}${last ? `: ${last.slice(0, 300)}` : ''}`);
  }

  /** What requests of one turn of the event loop need is one write: waking another process costs more than a small model. */
  #write(parts: readonly Uint8Array[]): void {
    if (this.#outgoing.length === 0) setImmediate(() => this.#flush());
    this.#outgoing.push(...parts);
  }

  #flush(): void {
    const parts = this.#outgoing;
    this.#outgoing = [];
    const size = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (size <= ONE_WRITE_BYTES) {
      this.#socket.write(parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts, size));
      return;
    }
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  /** Whether it keeps this process alive: only as long as somebody waits for it. */
  #hold(held: boolean): void {
    const change = held ? 'ref' : 'unref';
    this.#socket[change]();
    this.#child[change]();
    (this.#child.stderr as Socket | null)?.[change]();
  }
}

function failureOf(text: string): OnnxError {
  const { type, message } = JSON.parse(text) as ChildFailure;
  return new OnnxError(type, message);
}
