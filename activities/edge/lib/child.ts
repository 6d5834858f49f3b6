/** CPU-bound work of activities runs in a process of its own, so that the event loop that heartbeats stays free. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '../../lib/failure.ts';
import { ChildPool } from './child-pool.ts';

/** What a child says to one input. */
export type ChildAnswer<O> = { done: O } | { failed: ChildFailure };

export interface ChildFailure {
  message: string;
  /** Of the failure, as its class calls it: reason, type or code. */
  reason?: string;
  /** Of the operating system (`ENOSPC`). */
  code?: string;
}

/** What the child refused or could not do. `code` and `reason` are those of the error in the child. */
export class ChildError extends Error {
  override name = 'ChildError';
  readonly reason: string | undefined;
  readonly code: string | undefined;

  constructor({ message, reason, code }: ChildFailure) {
    super(message);
    this.reason = reason;
    this.code = code;
  }
}

/** The child ended before it had answered: nobody knows how far it came. */
export class ChildEnded extends Error {
  override name = 'ChildEnded';
  /** Of its end: exit code or signal, and what it wrote last. */
  readonly ending: string;

  constructor(script: string, ending: string) {
    super(`the process "${script}" of the local controller ended: ${ending}`);
    this.ending = ending;
  }
}

/** A child that is killed from outside is started again so often; what kills it each time is not our doing any more. */
const attempts = 3;

const childrenHere = new URL('../children/', import.meta.url);

/**
 * Runs a script, by default of `activities/edge/children`, on `input` (JSON), in a process that stays for a while for the next one. The
 * work must be repeatable: a child that is killed is started again. With `signal` the child is killed and its reason thrown. Of one
 * script as many children work at a time as there are CPUs; who comes later waits.
 */
export async function inChild<O>(
  script: string,
  input: unknown,
  signal: AbortSignal,
  folder = childrenHere,
): Promise<O> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await onceInChild<O>(script, input, signal, folder);
    } catch (error) {
      if (!(error instanceof ChildEnded)) throw error;
      if (attempt < attempts) continue;
      throw failure(
        'WorkerFailed',
        `the process "${script}" of the local controller ended ${attempts} times: ${error.ending}`,
      );
    }
  }
}

/** As `inChild`, for work that must not be begun again unseen: rejects with ChildEnded, and the caller decides. */
export async function onceInChild<O>(
  script: string,
  input: unknown,
  signal: AbortSignal,
  folder = childrenHere,
): Promise<O> {
  const file = scriptFile(script, folder);
  const pool = pools.get(file) ?? new ChildPool(file);
  pools.set(file, pool);
  const { answer, ending } = await pool.ask<ChildAnswer<O>>(input, signal);
  if (answer === undefined) throw new ChildEnded(script, ending);
  if ('done' in answer) return answer.done;
  throw new ChildError(answer.failed);
}

const pools = new Map<string, ChildPool>();

/** As this module is: TypeScript in the repository, JavaScript in `dist/`. */
export function scriptFile(script: string, folder: URL): string {
  return fileURLToPath(new URL(`${script}${extname(fileURLToPath(import.meta.url))}`, folder));
}
