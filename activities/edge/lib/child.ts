/** CPU-bound work of activities runs in a process of its own, so that the event loop that heartbeats stays free. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '../../lib/failure.ts';

/** What a child says: one message, then it ends. */
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

/** A child that is killed from outside is started again so often; what kills it each time is not our doing any more. */
const attempts = 3;
const keptErrorBytes = 2_000;

/**
 * Runs `activities/edge/children/<script>` on `input` (JSON). The child must be repeatable: killed, it is started again. It ends with
 * this process, and with `signal`, whose reason is then thrown.
 */
export async function inChild<O>(script: string, input: unknown, signal: AbortSignal): Promise<O> {
  for (let attempt = 1; ; attempt++) {
    const { answer, ending } = await runOnce<O>(script, input, signal);
    if (answer !== undefined) {
      if ('done' in answer) return answer.done;
      throw new ChildError(answer.failed);
    }
    if (attempt === attempts) {
      throw failure(
        'WorkerFailed',
        `the process "${script}" of the local controller ended ${attempts} times: ${ending}`,
      );
    }
  }
}

async function runOnce<O>(
  script: string,
  input: unknown,
  signal: AbortSignal,
): Promise<{ answer?: ChildAnswer<O>; ending: string }> {
  signal.throwIfAborted();
  const child = fork(scriptFile(script), [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-keptErrorBytes)));
  let answer: ChildAnswer<O> | undefined;
  child.on('message', (message) => (answer = message as ChildAnswer<O>));
  // A child that dies early: its end says more than the failed send.
  child.send({ input }, () => undefined);
  try {
    const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null];
    signal.throwIfAborted();
    const ending = `${killedBy === null ? `exit code ${code}` : `killed by ${killedBy}`} ${errors.trim()}`.trim();
    return { ...(answer === undefined ? {} : { answer }), ending };
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

function scriptFile(script: string): string {
  return fileURLToPath(new URL(`../children/${script}${extname(fileURLToPath(import.meta.url))}`, import.meta.url));
}
