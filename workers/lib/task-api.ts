/** HTTP for resident workers: long-poll for tasks, answers. Only workers that this node knows are heard. */
import type { FastifyInstance } from 'fastify';
import { taskResult } from '../../sdk/worker/task-protocol.ts';
import { AnswerRefused, type NodeTaskBoard } from './task-board.ts';

/** How long a poll is held; below the limit of `sdk/worker/tasks.ts`. */
const holdMs = 25_000;

interface Poll {
  Params: { name: string };
  Querystring: { working?: string };
}

interface Answer {
  Params: { name: string; id: string };
}

export interface TaskApiOptions {
  holdMs?: number;
}

export function serveTaskApi(server: FastifyInstance, board: NodeTaskBoard, options: TaskApiOptions = {}): void {
  const unknown = (name: string) => ({ Status: 404, Message: `no worker ${name} here` });

  /** 200 with a task; 204: none within 25 s, ask again. With `working`: 200 when that task is no longer wanted. */
  server.get<Poll>('/sedna/workers/:name/tasks', async (request, reply) => {
    const { name } = request.params;
    if (!board.knows(name)) return reply.code(404).send(unknown(name));
    const left = new AbortController();
    reply.raw.once('close', () => left.abort());
    const signal = AbortSignal.any([left.signal, AbortSignal.timeout(options.holdMs ?? holdMs)]);
    const { working } = request.query;
    if (working !== undefined) {
      const standing = await board.standing(name, working, signal);
      return standing === 'obsolete' ? reply.send({ obsolete: working }) : reply.code(204).send();
    }
    const task = await board.next(name, signal);
    return task === undefined ? reply.code(204).send() : reply.send(task);
  });

  /** 200: the answer is stored and cannot be lost any more. */
  server.post<Answer>('/sedna/workers/:name/tasks/:id', async (request, reply) => {
    const { name, id } = request.params;
    const parsed = taskResult.safeParse(request.body);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return reply.code(400).send({ Status: 400, Message: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}` });
    }
    try {
      if (!(await board.take(name, id, parsed.data))) return await reply.code(404).send(unknown(name));
    } catch (error) {
      if (!(error instanceof AnswerRefused)) throw error;
      return reply.code(400).send({ Status: 400, Message: error.message });
    }
    return { Status: 200, Message: 'OK' };
  });
}
