/** The frame around every demo: options in, narration and one JSON line out, and everything cleaned up whatever happens. */
import { mkdirSync } from 'node:fs';
import { withLock } from '../../deploy/local/lock.ts';
import { Cleanup } from './cleanup.ts';
import { DemoError, messageOf } from './errors.ts';
import { Narrator } from './narrator.ts';
import type { DemoOptions } from './options.ts';
import { sedna, Shell } from './shell.ts';
import { demoFolder, disown } from './stack.ts';

/** What a demo came to: the fields of its JSON line, and why it counts as failed although it reached its end. */
export interface DemoResult {
  summary: object;
  problem?: string;
}

export interface DemoContext {
  options: DemoOptions;
  narrator: Narrator;
  /** Ends by Ctrl-C. */
  signal: AbortSignal;
  shell: Shell;
  /** Of the objects and of the stack; skipped with `--keep`. Its commands do not end by Ctrl-C. */
  cleanup: Cleanup;
  cleaningShell: Shell;
  /** The object to explain when the demo fails. */
  subject?: string;
}

export type Demo = (context: DemoContext) => Promise<DemoResult>;

const explainMs = 15_000;

/** Returns the exit code: 0 all went well, 1 it did not, 130 interrupted. */
export async function runDemo(options: DemoOptions, demo: Demo): Promise<number> {
  speakToThisFolderOnly();
  const narrator = new Narrator(options.json ? process.stderr : process.stdout);
  const interruption = new AbortController();
  const context: DemoContext = {
    options,
    narrator,
    signal: interruption.signal,
    shell: new Shell(narrator, interruption.signal),
    cleanup: new Cleanup(),
    cleaningShell: new Shell(narrator),
  };
  const release = onInterrupt(narrator, interruption);
  let outcome: Outcome;
  try {
    outcome = await alone(() => attempt(context, demo));
  } catch (error) {
    outcome = { error };
  } finally {
    release();
  }
  return report(context, outcome);
}

interface Outcome {
  result?: DemoResult;
  error?: unknown;
  left?: string[];
}

async function attempt(context: DemoContext, demo: Demo): Promise<Outcome> {
  const { options, narrator, signal, cleanup } = context;
  const outcome: Outcome = {};
  try {
    outcome.result = await demo(context);
  } catch (error) {
    outcome.error = error;
    if (signal.aborted) narrator.bad('demo', 'interrupted');
    else await tellFailure(context, error);
  }
  if (options.keep) disown();
  else {
    narrator.title('Cleaning up');
    outcome.left = await cleanup.run(narrator);
  }
  return outcome;
}

async function tellFailure({ narrator, cleaningShell, subject }: DemoContext, error: unknown): Promise<void> {
  narrator.bad('demo', `failed: ${messageOf(error)}`);
  if (!(error instanceof DemoError) && error instanceof Error) narrator.plain(error.stack ?? '');
  if (error instanceof DemoError && error.hint !== undefined) narrator.plain(`hint: ${error.hint}`);
  if (subject === undefined) return;
  await cleaningShell.run(sedna, ['explain', subject], { boundMs: explainMs }).catch(() => undefined);
}

function report({ options, narrator, signal }: DemoContext, { result, error, left = [] }: Outcome): number {
  const seconds = Math.round(narrator.seconds() * 10) / 10;
  const { summary, problem: shortfall } = result ?? {};
  const problem = problemOf(error, signal, left) ?? (shortfall === undefined ? undefined : { error: shortfall });
  if (problem === undefined) narrator.good('demo', `done in ${seconds} s`);
  else if (error === undefined || !signal.aborted) narrator.bad('demo', problem.error);
  if (options.json) {
    const line =
      problem === undefined ? { ok: true, ...summary, seconds } : { ok: false, ...problem, ...summary, seconds };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
  if (signal.aborted) return 130;
  return problem === undefined ? 0 : 1;
}

interface Problem {
  error: string;
  awaited?: string;
}

function problemOf(error: unknown, signal: AbortSignal, left: string[]): Problem | undefined {
  if (signal.aborted) return { error: ['interrupted', ...left].join('; ') };
  if (error instanceof DemoError) {
    return { error: error.message, ...(error.awaited === undefined ? {} : { awaited: error.awaited }) };
  }
  if (error !== undefined) return { error: messageOf(error) };
  return left.length > 0 ? { error: `not cleaned up: ${left.join('; ')}` } : undefined;
}

/** The first Ctrl-C ends the demo in order, a second one at once. */
function onInterrupt(narrator: Narrator, interruption: AbortController): () => void {
  const onSignal = (): void => {
    if (interruption.signal.aborted) {
      narrator.bad('demo', 'left at once; npx sedna down stops what still runs, the next demo removes its objects');
      process.exit(130);
    }
    interruption.abort();
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  return () => names.forEach((name) => process.off(name, onSignal));
}

async function alone<T>(work: () => Promise<T>): Promise<T> {
  mkdirSync(demoFolder(), { recursive: true });
  const onWait = ({ pid }: { pid: number }): never => {
    throw new DemoError(`another demo runs in this folder: process ${pid}`, { hint: 'wait for its end, or end it' });
  };
  return withLock(demoFolder('lock'), { boundMs: 5_000, onWait }, work);
}

/** A demo knows the stack of its folder alone, whatever the reader's shell points to. */
function speakToThisFolderOnly(): void {
  const foreign = /^(TEMPORAL_(?!CLI_PATH$)|KUBECONFIG$|SEDNA_(BLOB_URL|KUBECONFIG|STATE_DIR|IMAGES|STACK)$)/;
  for (const name of Object.keys(process.env).filter((key) => foreign.test(key))) delete process.env[name];
}
