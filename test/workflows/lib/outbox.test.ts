import { expect, test } from '@jest/globals';
import { Outbox } from '../../../workflows/lib/outbox.ts';

/** The other side of an outbox: what arrived, and the way there, which the test opens. */
function receiver() {
  const arrived: number[][] = [];
  const ways: ((error?: Error) => void)[] = [];
  const outbox = new Outbox<number>((items) => {
    arrived.push(items);
    return new Promise<void>((resolve, reject) => ways.push((error) => (error ? reject(error) : resolve())));
  });
  const say = (...items: number[]): void => items.forEach((item) => outbox.say(item));
  return { arrived, ways, outbox, say };
}

test('what was said before a post goes together, what is said meanwhile with the next, in order', async () => {
  const { arrived, ways, outbox, say } = receiver();
  say(1, 2);
  expect(arrived).toEqual([]);
  outbox.post();
  say(3);
  outbox.post();
  say(4);
  outbox.post();
  expect(arrived).toEqual([[1, 2]]);
  const all = outbox.flush();
  ways[0]?.();
  await Promise.resolve();
  expect(arrived).toEqual([
    [1, 2],
    [3, 4],
  ]);
  ways[1]?.();
  await all;
  outbox.post();
  expect(arrived).toHaveLength(2);
});

test('the last words wait for what is in flight and are not sent', async () => {
  const { arrived, ways, outbox, say } = receiver();
  say(1);
  outbox.post();
  say(2, 3);
  outbox.post();
  const rest = outbox.remaining();
  ways[0]?.();
  expect(await rest).toEqual([2, 3]);
  expect(arrived).toEqual([[1]]);
  expect(await outbox.remaining()).toEqual([]);
});

test('once a sending has failed, every next word says so', async () => {
  const { ways, outbox, say } = receiver();
  say(1);
  outbox.post();
  ways[0]?.(new Error('gone'));
  await expect(outbox.flush()).rejects.toThrow('gone');
  say(2);
  expect(() => outbox.post()).toThrow('gone');
  await expect(outbox.remaining()).rejects.toThrow('gone');
});

test('a send that throws at once is a failure like any other', async () => {
  const outbox = new Outbox<number>(() => {
    throw new Error('at once');
  });
  outbox.say(1);
  outbox.post();
  expect(() => outbox.post()).toThrow('at once');
});
