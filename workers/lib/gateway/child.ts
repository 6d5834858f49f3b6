/** The child that reads an update: unlike others it is fed while it works, so that an update is never whole in memory. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { ChildError, scriptFile, type ChildAnswer } from '../../../activities/edge/lib/child.ts';

const keptErrorBytes = 2_000;

export interface GatewayChild<O> {
  /** What the child reads. Its errors are swallowed: how the child ended says more. */
  input: Writable;
  /** Rejects with ChildError, also when the child was killed, and with the reason of `signal`. */
  answer: Promise<O>;
}

/** Runs `children/<script>`, which answers once and ends; it ends as well with this process and with `signal`. */
export function startChild<O>(script: string, input: unknown, signal: AbortSignal): GatewayChild<O> {
  signal.throwIfAborted();
  const file = scriptFile(script, new URL('children/', import.meta.url));
  const child = fork(file, [], { stdio: ['pipe', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-keptErrorBytes)));
  let answer: ChildAnswer<O> | undefined;
  child.on('message', (message) => (answer = message as ChildAnswer<O>));
  child.stdin?.on('error', () => undefined);
  child.send({ input }, () => undefined);
  const finished = async (): Promise<O> => {
    try {
      const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null];
      signal.throwIfAborted();
      if (answer !== undefined && 'done' in answer) return answer.done;
      const ending = killedBy === null ? `exit code ${code}` : `killed by ${killedBy}`;
      throw new ChildError(answer?.failed ?? { message: `${script} ended: ${ending} ${errors}`.trim() });
    } finally {
      signal.removeEventListener('abort', kill);
    }
  };
  const promise = finished();
  // Whoever feeds the child may leave before it answers.
  promise.catch(() => undefined);
  return { input: child.stdin as Writable, answer: promise };
}
