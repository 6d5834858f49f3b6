/** The stack that a demo runs on: the one of the working directory, started by the demo unless it runs already. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findBinary } from '../../deploy/local/binaries.ts';
import { writeAtomic } from '../../deploy/local/files.ts';
import { readStackState, stackPaths, type StackState } from '../../deploy/local/state.ts';
import { isAlive, type ProcessRef } from '../../workers/lib/process.ts';
import { DemoError } from './errors.ts';
import type { Narrator } from './narrator.ts';
import { pathForReader } from './paths.ts';
import { sedna, type Program, type Shell } from './shell.ts';

export interface DemoStack {
  state: StackState;
  /** What objects are applied and shown with. */
  tool: Program;
}

/** The first `up` builds the API server: 4 minutes on two cores, here with room for a slow network. */
const upBoundMs = 20 * 60_000;
const downBoundMs = 60_000;

/** Where demos keep their files: below `.sedna`, so that `sedna down --purge` removes them too. */
export const demoFolder = (...parts: string[]): string => join(stackPaths(process.cwd()).dir, 'demo', ...parts);

const marker = (): string => demoFolder('started-by-demo.json');

/**
 * A stack that somebody runs is used and left running. One that an interrupted demo left behind (its note names processes that
 * still live) counts as the demo's own.
 */
export function isForeignStackRunning(): boolean {
  const running = readStackState(process.cwd())?.components.filter(isAlive) ?? [];
  if (running.length === 0) return false;
  return !startedByDemo().some(({ pid, startedAt }) =>
    running.some((component) => component.pid === pid && component.startedAt === startedAt),
  );
}

function startedByDemo(): ProcessRef[] {
  if (!existsSync(marker())) return [];
  try {
    return JSON.parse(readFileSync(marker(), 'utf8')) as ProcessRef[];
  } catch {
    return [];
  }
}

export async function startStack(
  shell: Shell,
  narrator: Narrator,
  options: { standalone: boolean; images: string | undefined; foreign: boolean },
): Promise<DemoStack> {
  const before = readStackState(process.cwd());
  if (options.foreign && options.standalone && before?.mode === 'kubernetes') {
    throw new DemoError('--standalone: a stack with Kubernetes runs here already', {
      hint: 'leave --standalone out, or stop that stack with: npx sedna down',
    });
  }
  const flags = ['--detach', ...(options.images === undefined ? [] : ['--images', pathForReader(options.images)])];
  await shell.run(sedna, ['up', ...flags, ...(options.standalone ? ['--standalone'] : [])], { boundMs: upBoundMs });
  const state = readStackState(process.cwd());
  if (state === undefined) throw new DemoError('sedna up left no stack behind', { awaited: 'the stack' });
  if (!options.foreign) noteOwnership(state);
  return { state, tool: toolFor(state, narrator) };
}

function noteOwnership({ components }: StackState): void {
  mkdirSync(demoFolder(), { recursive: true });
  writeAtomic(marker(), JSON.stringify(components.map(({ pid, startedAt }) => ({ pid, startedAt }))));
}

/** From now on the stack is the reader's. */
export function disown(): void {
  rmSync(marker(), { force: true });
}

export async function stopStack(shell: Shell): Promise<void> {
  await shell.run(sedna, ['down'], { boundMs: downBoundMs });
  disown();
}

function toolFor({ mode, kubeconfig }: StackState, narrator: Narrator): Program {
  if (mode === 'standalone' || kubeconfig === undefined) return sedna;
  const found = findBinary('kubectl');
  if (found === undefined) {
    narrator.say('demo', 'kubectl was not to be had: the verbs of sedna do the same');
    return sedna;
  }
  narrator.command(`export KUBECONFIG=${pathForReader(kubeconfig)}`);
  return { shown: 'kubectl', path: found.path, prefix: [], env: { KUBECONFIG: kubeconfig } };
}
