/**
 * Rounds of a strategy with a buffer, as if every task took the same time: clients answer in the order in which they were asked, the
 * first time in client order. So a simulation repeats, which the rounds of real nodes do not.
 */
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bufferOf } from '../../../workflows/lib/federated/buffer.ts';
import type { Taken } from './protocol.ts';
import { globalFile, refusedRound, turnOf, type Answers, type SimulatedJob } from './rounds.ts';

interface Asked {
  client: string;
  /** That was open when it was asked: it started from the model of the round before. */
  round: number;
  /** Which of its tasks from that model. */
  turn: number;
}

export class Arrivals {
  readonly #job: SimulatedJob;
  readonly #size: number;
  readonly #maxStaleness: number;
  #asked: Asked[];

  constructor(job: SimulatedJob) {
    const { size = 1, maxStaleness = Infinity } = bufferOf(job.fields) ?? {};
    if (size > job.clients.length) {
      throw new Error(
        `spec.aggregation.parameters.bufferSize: ${size} is more than the ${job.clients.length} clients; in a simulation each fills one place at most`,
      );
    }
    this.#job = job;
    this.#size = size;
    this.#maxStaleness = maxStaleness;
    this.#asked = job.clients.map((client) => ({ client, round: 1, turn: 0 }));
  }

  /** The updates that fill the buffer. A refused client is asked again for the next round. */
  async fill(round: number): Promise<Answers> {
    await this.#begin(round);
    const answers: Answers = { taken: [], refused: [] };
    const again: Asked[] = [];
    while (answers.taken.length < this.#size) {
      const next = this.#asked.splice(0, this.#size - answers.taken.length);
      if (next.length === 0) throw refusedRound(round, answers.refused);
      for (const [i, answer] of (await Promise.all(next.map((asked) => this.#play(asked)))).entries()) {
        const asked = next[i] as Asked;
        if ('refused' in answer) {
          answers.refused.push(answer);
          again.push({ client: asked.client, round: round + 1, turn: 0 });
          continue;
        }
        answers.taken.push({ ...answer.done, base: this.#baseOf(asked), staleness: round - asked.round });
        again.push(this.#afterwards(asked, round, answers.taken.length === this.#size));
      }
    }
    this.#asked.push(...again);
    return answers;
  }

  /** From the newest model: the one that closes the buffer gets what comes of it. */
  #afterwards({ client, round: of, turn }: Asked, round: number, closes: boolean): Asked {
    return closes ? { client, round: round + 1, turn: 0 } : { client, round, turn: of === round ? turn + 1 : 0 };
  }

  #play(asked: Asked): ReturnType<SimulatedJob['threads']['play']> {
    const { client, round, turn } = asked;
    return this.#job.threads.play(turnOf(this.#job, { client, round, turn, weights: this.#baseOf(asked) }));
  }

  /** Keeps the present model for those that are asked from now on; whoever is too old by now is asked anew. */
  async #begin(round: number): Promise<void> {
    await copyFile(globalFile(this.#job), this.#baseOf({ round }));
    const stale = this.#asked.filter((asked) => round - asked.round > this.#maxStaleness);
    const anew = stale.map(({ client }) => ({ client, round, turn: 0 }));
    this.#asked = [...this.#asked.filter((asked) => !stale.includes(asked)), ...anew];
    const oldest = Math.min(...this.#asked.map((asked) => asked.round));
    for (let old = oldest - 1; old > 0; old--) {
      const file = this.#baseOf({ round: old });
      if (this.#removed.has(file)) break;
      this.#removed.add(file);
      await rm(file, { force: true });
    }
  }

  readonly #removed = new Set<string>();

  #baseOf({ round }: Pick<Asked, 'round'>): string {
    return join(this.#job.directory, `model-${round - 1}.safetensors`);
  }
}

export type Counted = Taken & { base?: string; staleness?: number };
