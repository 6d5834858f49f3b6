/**
 * A trainer of the original library as a worker that takes tasks. It trains before it listens: what it uploads is an update of the
 * round whose weights it was sent last on this connection, or of round 1 when it was sent none. Every upload is answered in the end,
 * by the weights of the next task or of the last one.
 */
import { EventEmitter, once } from 'node:events';
import { copyFile, link, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inChild } from '../../../activities/edge/lib/child.ts';
import type { TaskResult, WorkerTask } from '../../../sdk/worker/task-protocol.ts';
import type { Owner } from '../../../workflows/lib/ids.ts';
import type { NodeTaskBoard } from '../task-board.ts';
import type { WriteReplyInput, WriteReplyOutput } from './children/write-reply.ts';
import type { Connection } from './connection.ts';
import { Closing, closeCodes } from './frame-decoder.ts';
import type { Upload } from './inbox.ts';
import { tooLarge } from './reply-text.ts';

export interface TrainerPlace {
  board: NodeTaskBoard;
  connection: Connection;
  owner: Owner;
  worker: string;
  /** Files of this connection. */
  directory: string;
  replyBytes: number;
}

export class Trainer {
  readonly #place: TrainerPlace;
  readonly #arrivals = new EventEmitter();
  #upload: Upload | undefined;
  /** Task whose weights it was sent last. */
  #at: string | undefined;
  /** The highest round that it was asked for. */
  #round = 0;

  constructor(place: TrainerPlace) {
    this.#place = place;
  }

  upload(upload: Upload): void {
    this.#upload = upload;
    this.#arrivals.emit('upload');
  }

  /** Until the connection is over, or the trainer has its last weights. */
  async run(): Promise<void> {
    const { connection } = this.#place;
    while (!connection.over.aborted) {
      const upload = await this.#nextUpload();
      if (upload !== undefined && (await this.#serve(upload)) === 'ended') return;
    }
  }

  /** While it trains, tasks that come up are taken note of, so that whoever waits for them knows that it is there. */
  async #nextUpload(): Promise<Upload | undefined> {
    const { board, worker, connection } = this.#place;
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, connection.over]);
    if (this.#upload === undefined) {
      const attend = async (): Promise<void> => {
        while (!signal.aborted) {
          const task = await board.next(worker, signal);
          if (task !== undefined) await board.standing(worker, task.id, signal);
        }
      };
      void attend();
      await once(this.#arrivals, 'upload', { signal }).catch(() => undefined);
    }
    over.abort();
    const upload = this.#upload;
    this.#upload = undefined;
    return upload;
  }

  async #serve(upload: Upload): Promise<'answered' | 'ended'> {
    const { board, worker, connection } = this.#place;
    let spent: string | undefined;
    let trained = false;
    for (;;) {
      const task = await board.next(worker, connection.over);
      if (task === undefined) return 'ended';
      this.#round = Math.max(this.#round, task.round);
      if (task.kind === 'end') {
        await this.#reply(task, upload);
        return 'ended';
      }
      if (task.kind === 'encode') {
        await this.#answer(task, refusal(cannotEncode), upload);
      } else if (task.id !== spent && !trained && this.#counts(task)) {
        await this.#answer(task, resultOf(task, upload), upload);
        spent = task.id;
        // The next task may be of the same round: a strategy with a buffer asks again at once.
        trained = task.kind === 'train';
      } else if (task.kind === 'weights') {
        throw new Closing(closeCodes.policy, 'its first weights were refused; it has to begin anew');
      } else if (await this.#reply(task, upload)) {
        this.#at = task.id;
        return 'answered';
      } else {
        await this.#answer(task, refusal(tooLarge(this.#place.replyBytes)), upload);
      }
    }
  }

  #counts(task: WorkerTask): boolean {
    return task.kind === 'weights' || (this.#at === undefined ? task.round === 1 : this.#at === task.id);
  }

  /** When this resolves the answer is on disk. */
  async #answer(task: WorkerTask, result: TaskResult, upload: Upload): Promise<void> {
    const { board, owner, worker } = this.#place;
    if (result.status === 'completed' && 'file' in upload) {
      if ((await board.answered(owner, worker, task.id)) === undefined) await place(upload.file, result.file);
    }
    if (!(await board.take(worker, task.id, result))) {
      throw new Closing(closeCodes.policy, `${worker} is no worker of this node any more`);
    }
  }

  /** False: the weights are more than it can receive. */
  async #reply(task: WorkerTask, upload: Upload): Promise<boolean> {
    const { connection, directory, replyBytes } = this.#place;
    if (task.weights === undefined) throw new Closing(closeCodes.goingAway, 'the job has ended without a model');
    const out = join(directory, 'reply.json');
    const fits = await inChild<WriteReplyOutput>(
      'write-reply',
      {
        ...this.#frame(task, upload),
        weights: task.weights,
        ...('file' in upload ? { own: upload.file } : {}),
        excludeLayers: task.excludeLayers,
        out,
        replyBytes,
      } satisfies WriteReplyInput,
      connection.over,
      new URL('children/', import.meta.url),
    );
    if (fits) await connection.sendFile(out);
    await rm(out, { force: true });
    if (!fits && task.kind === 'end') throw new Closing(closeCodes.tooBig, tooLarge(replyBytes).message);
    return fits;
  }

  #frame(task: WorkerTask, upload: Upload): { head: string; tail: string } {
    const { owner, worker } = this.#place;
    const round = task.kind === 'end' ? this.#round : task.round - 1;
    const counts = {
      total_sample: Math.trunc('samples' in upload ? upload.samples : 0),
      round_number: round,
      exit_flag: task.kind === 'end' ? 'ok' : 'continue',
    };
    const whole = { type: 'recv_weight', client: worker, job_name: owner.name, round_number: round };
    return {
      head: `${JSON.stringify(whole).slice(0, -1)},"data":${JSON.stringify(counts).slice(0, -1)},"weights":[`,
      tail: ']}}',
    };
  }
}

function resultOf(task: WorkerTask, upload: Upload): TaskResult {
  if ('refused' in upload) return refusal(upload.refused);
  if (task.output === undefined)
    throw new Closing(closeCodes.internal, `task ${task.id} says nowhere to put its answer`);
  return { status: 'completed', file: task.output, samples: upload.samples, metrics: {}, evaluation: undefined };
}

const cannotEncode = {
  reason: 'NotSupportedYet',
  message: 'a trainer of the original library hands over weights, no features; MistNet needs workers of this SDK',
};

const refusal = ({ reason, message }: { reason: string; message: string }): TaskResult => ({
  status: 'failed',
  reason,
  message,
});

/** A second name of the same file: an upload may answer two tasks, first weights and round 1. */
async function place(file: string, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await rm(target, { force: true });
  await link(file, target).catch(() => copyFile(file, target));
}
