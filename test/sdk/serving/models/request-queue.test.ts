import { beforeEach, expect, test } from '@jest/globals';
import { RequestQueue } from '../../../../sdk/serving/models/request-queue.ts';
import type { Runner } from '../../../../sdk/serving/models/request-queue.ts';
import type { Tensor } from '../../../../sdk/index.ts';

type Feeds = Record<string, Tensor>;

/** Gives back what it got, when the test lets it; remembers the rows of each run. */
class Gate implements Runner {
  capacity = 1;
  readonly runs: number[] = [];
  #release: (() => void)[] = [];

  runTimed(feeds: Feeds): Promise<{ outputs: Feeds; microseconds: number }> {
    this.runs.push(feeds['x']?.shape[0] ?? 0);
    return new Promise((resolve) => this.#release.push(() => resolve({ outputs: feeds, microseconds: 5 })));
  }

  /** Ends all runs, those too that begin because of it. */
  async openAll(): Promise<void> {
    while (this.#release.length > 0) {
      for (const release of this.#release.splice(0)) release();
      await new Promise(setImmediate);
    }
  }
}

let gate: Gate;
beforeEach(() => {
  gate = new Gate();
});

const rows = (...values: number[]): Feeds => ({
  x: { datatype: 'float32', shape: [values.length, 1], data: Float32Array.from(values) },
});

test('more than may wait are refused at once, with a time to come back', async () => {
  const queue = new RequestQueue(gate, { name: 'm', waiting: 2 });
  const taken = [1, 2, 3].map((value) => queue.run(rows(value)));
  await expect(queue.run(rows(4))).rejects.toMatchObject({
    statusCode: 503,
    retryAfter: 1,
    reason: 'REJECTED',
    message: 'model "m" is busy: 2 requests wait already',
  });
  await gate.openAll();
  expect((await Promise.all(taken)).map(({ outputs }) => outputs)).toEqual([rows(1), rows(2), rows(3)]);
  expect(gate.runs).toEqual([1, 1, 1]);
});

test('a request that nobody waits for makes room and is not run', async () => {
  const queue = new RequestQueue(gate, { name: 'm', waiting: 1 });
  const gone = new AbortController();
  const first = queue.run(rows(1));
  const dropped = expect(queue.run(rows(2, 2), gone.signal)).rejects.toThrow('gone');
  gone.abort(new Error('gone'));
  const third = queue.run(rows(3, 3, 3));
  await gate.openAll();
  await dropped;
  await Promise.all([first, third]);
  expect(gate.runs).toEqual([1, 3]);
});

test('what waits while the model is busy runs together, up to the largest batch, in order', async () => {
  const queue = new RequestQueue(gate, { name: 'm', batching: { maxBatch: 4 } });
  const answers = [rows(1), rows(2), rows(3, 4), rows(5), rows(6)].map((feeds) => queue.run(feeds));
  await gate.openAll();
  const done = await Promise.all(answers);
  expect(done.map(({ outputs }) => outputs)).toEqual([rows(1), rows(2), rows(3, 4), rows(5), rows(6)]);
  expect(gate.runs).toEqual([1, 4, 1]);
  // The first of a batch counts as a run of the model, the others do not.
  expect(done.map(({ timing }) => [timing.batch, timing.executions])).toEqual([
    [1, 1],
    [4, 1],
    [4, 0],
    [4, 0],
    [1, 1],
  ]);
});

test('other shapes run apart', async () => {
  const queue = new RequestQueue(gate, { name: 'm', batching: {} });
  const wide: Feeds = { x: { datatype: 'float32', shape: [1, 2], data: Float32Array.of(1, 2) } };
  const answers = [rows(0), rows(1), wide, rows(2)].map((feeds) => queue.run(feeds));
  await gate.openAll();
  expect((await Promise.all(answers)).map(({ outputs }) => outputs)).toEqual([rows(0), rows(1), wide, rows(2)]);
  expect(gate.runs).toEqual([1, 1, 1, 1]);
});

test('a delay collects requests even while the model is free; a full batch does not wait for it', async () => {
  const queue = new RequestQueue(gate, { name: 'm', batching: { maxBatch: 2, maxDelayMs: 60_000 } });
  const answers = [queue.run(rows(1)), queue.run(rows(2))];
  await gate.openAll();
  await Promise.all(answers);
  expect(gate.runs).toEqual([2]);
  const short = new RequestQueue(gate, { name: 'm', batching: { maxBatch: 8, maxDelayMs: 20 } });
  const alone = short.run(rows(3));
  expect(gate.runs).toEqual([2]);
  await new Promise((resolve) => setTimeout(resolve, 25));
  await gate.openAll();
  expect((await alone).outputs).toEqual(rows(3));
});
