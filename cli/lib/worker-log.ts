/** What a worker printed, as its node keeps it. */
import { setTimeout as delay } from 'node:timers/promises';
import { CliError, EXIT } from './errors.ts';

export interface LoggedWorker {
  name: string;
  node: string;
  address: string;
}

const answerMs = 10_000;
const pollMs = 300;
const awayMs = 1_000;

export class WorkerLog {
  readonly #worker: LoggedWorker;
  readonly #print: (bytes: Uint8Array) => void;
  #offset = 0;

  /** Bytes, not text: an answer may end within a character. */
  constructor(worker: LoggedWorker, print: (bytes: Uint8Array) => void) {
    this.#worker = worker;
    this.#print = print;
  }

  /** All that there is when it is called, or has come since the call before. Resolves to whether that is all that the worker will have said. */
  async printAll(): Promise<boolean> {
    let wanted: number | undefined;
    for (;;) {
      const { size, hasEnded } = await this.#more();
      wanted ??= size;
      if (this.#offset >= (hasEnded ? size : wanted)) return hasEnded;
    }
  }

  /** Until the worker ends for good, or is removed. Goes on through its restarts and through an absence of its local controller, without a bound: a person looks on. */
  async follow(): Promise<void> {
    let isAway = false;
    let wasThere = false;
    for (;;) {
      try {
        if (await this.printAll()) return;
        wasThere = true;
        isAway = false;
        await delay(pollMs);
      } catch (error) {
        if (error instanceof CliError && wasThere) return;
        if (error instanceof CliError) throw error;
        if (!isAway) process.stderr.write(`node ${this.#worker.node} does not answer; waiting for it\n`);
        isAway = true;
        await delay(awayMs);
      }
    }
  }

  /** A shrunken (rotated) log is begun again. */
  async #more(): Promise<{ size: number; hasEnded: boolean }> {
    const { name, node, address } = this.#worker;
    const answer = await fetch(`${address}/sedna/workers/${name}/log?offset=${this.#offset}`, {
      signal: AbortSignal.timeout(answerMs),
    });
    if (!answer.ok) {
      const message = `node ${node} has no log of ${name}`;
      throw new CliError(message, { code: 'NotFound', exitCode: EXIT.notFound });
    }
    this.#print(new Uint8Array(await answer.arrayBuffer()));
    this.#offset = Number(answer.headers.get('x-next-offset'));
    const size = Number(answer.headers.get('x-log-size'));
    return { size, hasEnded: answer.headers.get('x-worker-state') === 'exited' };
  }
}
