import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { taskFiles } from '../../../activities/edge/tasks.ts';
import { writeFileAtomic } from '../../../sdk/storage/index.ts';
import { TaskClient, TaskError, type TaskResult, type WorkerTask } from '../../../sdk/worker/index.ts';
import { eventually } from '../../support/eventually.ts';
import { healthServer } from '../../../workers/lib/health.ts';
import { freePort } from '../../../workers/lib/ports.ts';
import { serveTaskApi } from '../../../workers/lib/task-api.ts';
import { NodeTaskBoard } from '../../../workers/lib/task-board.ts';
import { serveWorkerApi } from '../../../workers/lib/worker-api.ts';

const owner = { kind: 'FederatedLearningJob', namespace: 'default', name: 'job', uid: 'u-1' };
const stateDir = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'board-'));
const never = new AbortController().signal;
let port: number;
let address: string;
let board: NodeTaskBoard;
let close: () => Promise<unknown>;
let requests = 0;

/** A local controller; a second one is its successor. */
async function start(): Promise<void> {
  const { server } = healthServer({ missing: () => [] });
  board = new NodeTaskBoard(stateDir, (worker) => (worker === 'stranger' ? undefined : owner));
  server.addHook('onRequest', async () => void requests++);
  serveWorkerApi(server, { report: () => true, progress: () => true, list: () => [] });
  serveTaskApi(server, board, { holdMs: 100 });
  address = await server.listen({ port, host: '127.0.0.1' });
  close = () => server.close();
}
beforeEach(async () => {
  port = await freePort();
  await start();
});
afterEach(() => close());

const client = (worker: string, options = {}) => new TaskClient(address, worker, { delayMs: 10, ...options });
const filesOf = (worker: string, id: string) => taskFiles(stateDir, owner, worker, id);
function task(worker: string, id: string, change: Partial<WorkerTask> = {}): WorkerTask {
  const { update, checkpoint } = filesOf(worker, id);
  const rest = { weights: undefined, previous: undefined, settings: {}, evaluate: false, excludeLayers: [] };
  return { id, kind: 'train', round: 1, seed: 1, output: update, checkpoint, ...rest, ...change };
}
async function done(worker: string, id: string, text = 'update'): Promise<TaskResult> {
  const file = filesOf(worker, id).update;
  await writeFileAtomic(file, text);
  return { status: 'completed', file, samples: 3, metrics: { loss: 0.5 }, evaluation: undefined };
}
const answerTo = (worker: string, id: string) => board.answer(owner, worker, id, never);

describe('a task', () => {
  test('reaches the worker that waits, and the answer whoever asked', async () => {
    const asked = client('a').next();
    let taken = 0;
    board.offer('a', task('a', 't1', { settings: { epochs: 2, mu: 0.1 } }), () => taken++);
    expect(await asked).toEqual(task('a', 't1', { settings: { epochs: 2, mu: 0.1 } }));
    expect(taken).toBe(1);
    const answer = answerTo('a', 't1');
    const result = await done('a', 't1');
    await client('a').answer('t1', result);
    expect(await answer).toEqual(result);
    expect(board.offered('a')).toEqual([]);
  });

  test('waits for a worker that comes later, longer than one poll', async () => {
    const asked = client('b').next();
    const before = requests;
    await eventually(() => expect(requests).toBeGreaterThan(before + 1));
    board.offer('b', task('b', 't1'));
    expect((await asked).id).toBe('t1');
  });

  test('is given again to a worker that comes again without having answered', async () => {
    board.offer('c', task('c', 't1'));
    expect((await client('c').next()).id).toBe('t1');
    expect((await client('c').next()).id).toBe('t1');
  });

  test('comes after those that were offered before; the end comes instead of all', async () => {
    board.offer('d', task('d', 't1'));
    board.offer('d', task('d', 't2'));
    board.offer('d', task('d', 't1'));
    expect(board.offered('d')).toEqual(['t2', 't1']);
    expect((await client('d').next()).id).toBe('t2');
    const obsolete = client('d').obsolete('t2', never);
    board.offer('d', task('d', 'end', { kind: 'end', output: undefined }));
    await obsolete;
    expect((await client('d').next()).kind).toBe('end');
  });

  test('is taken back by whoever offered it last, and by nobody else', () => {
    const first = board.offer('e2', task('e2', 't1'));
    const second = board.offer('e2', task('e2', 't1'));
    first();
    expect(board.offered('e2')).toEqual(['t1']);
    second();
    expect(board.offered('e2')).toEqual([]);
  });

  test('that is withdrawn is obsolete for the worker that is at it, and for nobody else', async () => {
    board.offer('e', task('e', 't1'));
    await client('e').next();
    const stop = new AbortController();
    const other = client('e')
      .obsolete('t0', stop.signal)
      .then(
        () => 'obsolete',
        () => 'wanted',
      );
    const obsolete = client('e').obsolete('t1', never);
    board.withdraw('e', 't1');
    await obsolete;
    stop.abort();
    expect(await other).toBe('wanted');
    expect(board.offered('e')).toEqual([]);
  });
});

describe('an answer', () => {
  test('is on disk when it was taken: the first one stands, and a successor knows it', async () => {
    const first = await done('f', 't1');
    await client('f').answer('t1', first);
    expect(JSON.parse(readFileSync(filesOf('f', 't1').answer, 'utf8'))).toMatchObject({ result: { samples: 3 } });
    await client('f').answer('t1', { ...first, samples: 4 } as TaskResult);
    await close();
    await start();
    expect(await answerTo('f', 't1')).toEqual(first);
  });

  test('from before the machine was started anew is none: its file may be spoilt', async () => {
    await client('p').answer('t1', await done('p', 't1'));
    const { answer } = filesOf('p', 't1');
    const stored = JSON.parse(readFileSync(answer, 'utf8')) as { boot: string };
    writeFileSync(answer, JSON.stringify({ ...stored, boot: 'another start' }));
    expect(await board.answered(owner, 'p', 't1')).toBeUndefined();
    const again = { ...(await done('p', 't1')), samples: 4 } as TaskResult;
    await client('p').answer('t1', again);
    expect(await answerTo('p', 't1')).toEqual(again);
  });

  test('to a task that this local controller never offered is taken all the same', async () => {
    const result = await done('g', 't1');
    await client('g').answer('t1', result);
    expect(await answerTo('g', 't1')).toEqual(result);
  });

  test('outlives a restart of the local controller that it waits for', async () => {
    await close();
    const result = await done('h', 't1');
    const answered = client('h').answer('t1', result);
    await start();
    await answered;
    expect(await answerTo('h', 't1')).toEqual(result);
  });

  test('that could not be written is told to whoever asked, and taken when it comes again', async () => {
    const problems: unknown[] = [];
    board.offer('m', task('m', 't1'), undefined, (error) => problems.push(error));
    const result = await done('m', 't1');
    // A folder is in the way of the file.
    mkdirSync(filesOf('m', 't1').answer);
    const answered = client('m').answer('t1', result);
    await eventually(() => expect(problems).toContainEqual(expect.objectContaining({ code: 'EISDIR' })));
    expect(board.offered('m')).toEqual(['t1']);
    rmdirSync(filesOf('m', 't1').answer);
    await answered;
    expect(await answerTo('m', 't1')).toEqual(result);
  });

  test('that is half a file is none', async () => {
    await client('i').answer('t1', await done('i', 't1'));
    writeFileSync(filesOf('i', 't1').answer, '{"status":"comp');
    expect(await board.answered(owner, 'i', 't1')).toBeUndefined();
  });

  const post = async (worker: string, id: string, body: unknown) => {
    const answer = await fetch(`${address}/sedna/workers/${worker}/tasks/${id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  };
  test.each([
    [
      'another file of the node',
      { status: 'completed', file: '/etc/passwd', samples: 1 },
      /^file: must be .*update\.safetensors/,
    ],
    ['no file', { status: 'completed', samples: 1 }, /^file: /],
    ['a status that there is not', { status: 'done' }, /^status: /],
    ['no number of samples', { status: 'completed', file: 'x', samples: 'many' }, /^samples: /],
  ])('with %s is refused by name', async (_what, body, message) => {
    const answer = await post('j', 't1', body);
    expect(answer).toEqual({ status: 400, body: { Status: 400, Message: expect.stringMatching(message) as unknown } });
    expect(await board.answered(owner, 'j', 't1')).toBeUndefined();
  });

  test('whose file is not there is refused', async () => {
    const file = filesOf('k', 't1').update;
    expect(await post('k', 't1', { status: 'completed', file, samples: 1 })).toMatchObject({ status: 400 });
  });

  test.each(['..', '%2e%2e%2f%2e%2e%2fetc', 'a%2f..%2fb'])(
    'to task %s stays inside the directory of its worker',
    async (id) => {
      const { status } = await post('l', id, { status: 'failed', message: 'no' });
      expect([200, 404]).toContain(status);
      expect(taskFiles(stateDir, owner, 'l', decodeURIComponent(id)).answer.startsWith(join(stateDir, 'tasks'))).toBe(
        true,
      );
    },
  );

  test('of a worker that is not of this node is not taken', async () => {
    expect((await post('stranger', 't1', { status: 'failed', message: 'no' })).status).toBe(404);
    expect((await fetch(`${address}/sedna/workers/stranger/tasks`)).status).toBe(404);
  });
});

test('a worker whose local controller stays away gives up, and says where it looked', async () => {
  await close();
  await expect(client('m', { awayForMs: 50 }).next()).rejects.toThrow(TaskError);
  await expect(client('m', { awayForMs: 50 }).next()).rejects.toThrow(/127\.0\.0\.1.* did not answer: .*ECONNREFUSED/);
  await start();
});
