import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { packageRoot } from '../../deploy/local/files.ts';
import { DemoError } from './errors.ts';
import type { Narrator } from './narrator.ts';

/** A program with the words by which a reader calls it. */
export interface Program {
  shown: string;
  path: string;
  /** Arguments in front of every call's own. */
  prefix: string[];
  env?: Record<string, string>;
}

/** `npx sedna` of this checkout, run by the Node that runs the demo. */
export const sedna: Program = {
  shown: 'npx sedna',
  path: process.execPath,
  prefix: [join(packageRoot(), 'cli', 'bin.js')],
};

export interface RunOptions {
  boundMs: number;
  /** Neither the command nor what it prints is shown. */
  quiet?: boolean;
}

/** How long a command that was told to end may clean up behind itself: `sedna up` stops what it started within 15 s. */
const graceMs = 20_000;

/** Runs commands in the working directory and shows them, so that a reader can repeat them. */
export class Shell {
  readonly #narrator: Narrator;
  readonly #signal: AbortSignal | undefined;

  /** An abort of `signal` ends the running command by SIGINT. */
  constructor(narrator: Narrator, signal?: AbortSignal) {
    this.#narrator = narrator;
    this.#signal = signal;
  }

  /** What it printed on standard output. Throws a `DemoError` when it fails or is not done in time. */
  async run(program: Program, args: string[], options: RunOptions): Promise<string> {
    this.#signal?.throwIfAborted();
    const shown = [program.shown, ...args].map(quote).join(' ');
    if (options.quiet !== true) this.#narrator.command(shown);
    const { code, out, err, late } = await this.#execute(program, args, options);
    this.#signal?.throwIfAborted();
    if (code === 0) return out;
    const why = late ? `was not done after ${options.boundMs / 1000} s` : `ended with ${code}`;
    const said = options.quiet === true || late ? lastLine(err || out) : lastLine(err);
    throw new DemoError(`${shown} ${why}${said === '' ? '' : `: ${said}`}`, { awaited: shown });
  }

  async #execute(program: Program, args: string[], { boundMs, quiet }: RunOptions) {
    // In a process group of its own: Ctrl-C reaches the demo alone, which then ends its commands in order.
    const child = spawn(program.path, [...program.prefix, ...args], {
      env: { ...process.env, ...program.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const printed = { out: [] as string[], err: [] as string[] };
    for (const [stream, lines] of [
      [child.stdout, printed.out],
      [child.stderr, printed.err],
    ] as const) {
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        if (quiet !== true) this.#narrator.plain(line);
      });
    }
    const ended = new Promise<number | string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) => resolve(code ?? signal ?? 'no exit code'));
    });
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), boundMs);
    const stop = (): void => void endChild(child, ended);
    for (const signal of [late.signal, this.#signal]) signal?.addEventListener('abort', stop, { once: true });
    const code = await ended;
    clearTimeout(timer);
    this.#signal?.removeEventListener('abort', stop);
    return { code, out: printed.out.join('\n'), err: printed.err.join('\n'), late: late.signal.aborted };
  }
}

async function endChild(child: ReturnType<typeof spawn>, ended: Promise<unknown>): Promise<void> {
  child.kill('SIGINT');
  const tooLong = delay(graceMs, 'too long', { ref: false });
  if ((await Promise.race([ended, tooLong])) === 'too long') child.kill('SIGKILL');
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** As a reader must type it in a shell; `npx sedna` is two words of its own. */
const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) || word === sedna.shown ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
