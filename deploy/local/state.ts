import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { StackError } from './errors.ts';
import { writeAtomic } from './files.ts';

const port = z.int().min(1).max(65_535);

const node = z.object({ name: z.string(), role: z.enum(['cloud', 'edge']) });

const component = z.object({
  name: z.string(),
  pid: z.int().min(1),
  startedAt: z.string(),
  port,
  log: z.string(),
  command: z.string(),
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
  ready: z.object({ url: z.string(), contains: z.string().optional(), caFile: z.string().optional() }),
});

const stackState = z.object({
  version: z.literal(1),
  mode: z.enum(['kubernetes', 'standalone']),
  temporal: z.object({ address: z.string(), ui: z.string() }),
  kubeconfig: z.string().optional(),
  /** True when the cluster is not ours to start and stop. */
  ownKubernetes: z.boolean(),
  blobUrl: z.string(),
  images: z.array(z.string()),
  nodes: z.array(node),
  without: z.array(z.string()),
  /** Kept while nothing runs, so that addresses stay the same over `down` and `up`. */
  ports: z.record(z.string(), port),
  /** What runs, or ran when this was written: compare pid and startedAt before use. Empty after `sedna down`. */
  components: z.array(component),
  supervisor: z.object({ pid: z.int().min(1), startedAt: z.string() }).optional(),
});

export type StackState = z.infer<typeof stackState>;
export type RunningComponent = z.infer<typeof component>;
export type NodeSpec = z.infer<typeof node>;

/** Absolute paths of a stack's files, all under `.sedna` of the working directory. */
export function stackPaths(cwd: string) {
  const dir = resolve(cwd, '.sedna');
  return {
    dir,
    state: join(dir, 'state.json'),
    lock: join(dir, 'up.lock'),
    logs: join(dir, 'logs'),
    log: (name: string) => join(dir, 'logs', `${name.replaceAll('/', '-')}.log`),
    kubeconfig: join(dir, 'kubeconfig'),
    kubernetes: join(dir, 'kubernetes'),
    temporalDb: join(dir, 'temporal', 'temporal.db'),
    blobs: join(dir, 'blobs'),
    node: (name: string) => join(dir, 'nodes', name),
  };
}

/** Works in the folder of a stack; what the system refuses there says what to do. */
export function inStackFolder<T>(cwd: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const { message } = error as Error;
    throw new StackError(`the folder ${stackPaths(cwd).dir} of the stack cannot be used: ${message}`, {
      code: 'BadStackFolder',
      hint: 'work in a directory that you can write, without a file named .sedna',
      cause: error,
    });
  }
}

/**
 * The stack that `sedna up` keeps in the working directory; undefined when there never was one. Throws `BadStackState`, with
 * what to do, when the file cannot be understood.
 */
export function readStackState(cwd: string): StackState | undefined {
  const path = stackPaths(cwd).state;
  const text = inStackFolder(cwd, () => readIfThere(path));
  if (text === undefined) return undefined;
  try {
    return stackState.parse(JSON.parse(text));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const reason = issue ? `${issue.path.join('.') || 'top level'}: ${issue.message}` : 'it is not JSON';
    throw new StackError(`${path} cannot be read: ${reason}`, {
      code: 'BadStackState',
      hint: 'run sedna up, which sets the file aside and starts anew on the same data, or sedna down to stop what runs',
      cause: error,
    });
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function writeStackState(cwd: string, state: StackState): void {
  writeAtomic(stackPaths(cwd).state, `${JSON.stringify(state, null, 2)}\n`, 0o600);
}
