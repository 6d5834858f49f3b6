/** Processes of one script that are kept for a while: starting Node.js costs more than what most of them do. */
import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Rounds that follow each other find their children again; a node whose clients train for minutes does not keep them. */
const idleMs = 30_000;
const keptErrorBytes = 2_000;

export interface Asked<A> {
  /** Absent: the child ended before it had answered. */
  answer?: A;
  ending: string;
}

interface Kept {
  child: ChildProcess;
  errors: string;
  /** Until it is ended for want of work. */
  timer?: NodeJS.Timeout;
}

export class ChildPool {
  readonly #file: string;
  readonly #idle: Kept[] = [];
  readonly #waiting: (() => void)[] = [];
  #working = 0;

  /** `file`: a module that answers each message `{ input }` with one of its own. Its processes end with this one. */
  constructor(file: string) {
    this.#file = file;
  }

  /** Throws the reason of `signal`; a child that is at work by then is killed. */
  async ask<A>(input: unknown, signal: AbortSignal): Promise<Asked<A>> {
    await this.#turn(signal);
    try {
      const kept = this.#take();
      const asked = await answerOf<A>(kept, input, signal);
      if (asked.answer !== undefined) this.#keep(kept);
      signal.throwIfAborted();
      return asked;
    } finally {
      this.#release();
    }
  }

  /** A place that is given up goes to whoever has waited longest. */
  async #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#working < availableParallelism()) {
      this.#working += 1;
      return;
    }
    await new Promise<void>((go, stop) => {
      const turn = (): void => {
        signal.removeEventListener('abort', leave);
        go();
      };
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        stop(signal.reason as Error);
      };
      this.#waiting.push(turn);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#working -= 1;
    else next();
  }

  #take(): Kept {
    for (let kept = this.#idle.pop(); kept !== undefined; kept = this.#idle.pop()) {
      clearTimeout(kept.timer);
      if (kept.child.connected && kept.child.exitCode === null && kept.child.signalCode === null) return held(kept);
    }
    const child = fork(this.#file, [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
    const kept: Kept = { child, errors: '' };
    // A process that cannot be started has no other end than this; unheard it would be the end of the local controller.
    child.on('error', ({ message }) => (kept.errors = message));
    child.stderr?.on(
      'data',
      (chunk: Buffer) => (kept.errors = (kept.errors + chunk.toString()).slice(-keptErrorBytes)),
    );
    return kept;
  }

  /** One that is idle keeps nobody alive. */
  #keep(kept: Kept): void {
    const { child } = kept;
    child.unref();
    child.channel?.unref();
    (child.stderr as { unref?: () => void } | null)?.unref?.();
    this.#idle.push(kept);
    kept.timer = setTimeout(() => {
      const at = this.#idle.indexOf(kept);
      if (at < 0) return;
      this.#idle.splice(at, 1);
      child.kill('SIGKILL');
    }, idleMs);
    kept.timer.unref();
  }
}

function held(kept: Kept): Kept {
  kept.child.ref();
  kept.child.channel?.ref();
  return kept;
}

async function answerOf<A>(kept: Kept, input: unknown, signal: AbortSignal): Promise<Asked<A>> {
  const { child } = kept;
  kept.errors = '';
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  let leave = (): void => undefined;
  try {
    return await new Promise<Asked<A>>((resolve) => {
      const answered = (answer: unknown): void => resolve({ answer: answer as A, ending: '' });
      const ended = (code: number | null, killedBy: string | null): void => {
        const how = killedBy === null ? `exit code ${code}` : `killed by ${killedBy}`;
        resolve({ ending: `${how} ${kept.errors.trim()}`.trim() });
      };
      const failed = ({ message }: Error): void => resolve({ ending: message });
      leave = () => void child.off('message', answered).off('close', ended).off('error', failed);
      // By `close` all of its standard error has been read.
      child.once('message', answered).once('close', ended).once('error', failed);
      // One that dies early: its end says more than the failed send.
      child.send({ input }, () => undefined);
    });
  } finally {
    leave();
    signal.removeEventListener('abort', kill);
  }
}
