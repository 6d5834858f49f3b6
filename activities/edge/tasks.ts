/** What activities need of the board through which resident workers get tasks. `workers/lib/task-board.ts` implements it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { TaskResult, WorkerTask } from '../../sdk/worker/task-protocol.ts';
import type { Owner } from '../../workflows/lib/ids.ts';

export interface TaskBoard {
  /**
   * Adds a task to those of a worker, which does one after the other. One of the same id takes the place of the first; `end` takes
   * the place of all. `taken`: called whenever the worker comes for it; `unkept`: when its answer could not be written. Gives what takes it back, which does nothing once somebody
   * has offered the same task again.
   */
  offer(worker: string, task: WorkerTask, taken?: () => void, unkept?: (error: unknown) => void): () => void;
  /** Nobody waits for it any more; a worker that is at it learns so. */
  withdraw(worker: string, id: string): void;
  /** Ids of the tasks that wait for this worker or that it is at. */
  offered(worker: string): string[];
  /** The answer, once there is one: also one that an earlier local controller took. Never resolves once `signal` is aborted. */
  answer(owner: Owner, worker: string, id: string, signal: AbortSignal): Promise<TaskResult>;
  /** The answer if there is one. */
  answered(owner: Owner, worker: string, id: string): Promise<TaskResult | undefined>;
}

/** Files of one task on the node. The same names for every local controller, so that the next one finds them. */
export interface TaskFiles {
  directory: string;
  weights: string;
  update: string;
  checkpoint: string;
  answer: string;
  result: string;
}

/** Everything that a node keeps of tasks for an owner; removed with it. */
export function tasksOf(stateDir: string, owner: Pick<Owner, 'uid'>): string {
  return join(stateDir, 'tasks', fileName(owner.uid));
}

export function tasksOfWorker(stateDir: string, owner: Pick<Owner, 'uid'>, worker: string): string {
  return join(tasksOf(stateDir, owner), fileName(worker));
}

export function taskFiles(stateDir: string, owner: Pick<Owner, 'uid'>, worker: string, id: string): TaskFiles {
  const directory = join(tasksOfWorker(stateDir, owner, worker), fileName(id));
  return {
    directory,
    weights: join(directory, 'weights.safetensors'),
    update: join(directory, 'update.safetensors'),
    checkpoint: join(directory, 'checkpoint'),
    answer: join(directory, 'answer.json'),
    result: join(directory, 'result.json'),
  };
}

/** Names come over HTTP too: what is no plain file name is named by its digest. */
function fileName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(name)) return name;
  return createHash('sha256').update(name).digest('hex');
}
