/** A peer in a process of its own: one JSON line when it is ready, then one answer per line asked. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface PeerCommand {
  command: string;
  args: string[];
  env?: NodeJS.ProcessEnv;
}

const answerBoundMs = 180_000;

export class LinePeer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string, undefined>;
  #errors = '';
  #ready: unknown;

  private constructor({ command, args, env }: PeerCommand) {
    const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env } });
    this.#child = child;
    child.on('error', ({ message }) => (this.#errors += message));
    child.stderr.on('data', (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-2_000)));
    // What an ended process no longer reads.
    child.stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
  }

  /** Fails when it does not say that it is ready. */
  static async start(command: PeerCommand): Promise<LinePeer> {
    const peer = new LinePeer(command);
    peer.#ready = await peer.#next();
    return peer;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it said when it was ready. */
  get ready(): unknown {
    return this.#ready;
  }

  async ask(question: unknown): Promise<unknown> {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    return this.#next();
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  async #next(): Promise<unknown> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), answerBoundMs);
    const line = await this.#lines.next();
    clearTimeout(timer);
    if (line.done !== true) return JSON.parse(line.value);
    throw new Error(`the peer ended: ${this.#errors.trim().split('\n').at(-1)}`);
  }
}
