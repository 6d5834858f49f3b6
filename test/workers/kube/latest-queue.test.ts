/** F35: an object that always fails waits for itself alone. */
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { LatestQueue } from '../../../workers/kube/latest-queue.ts';
import { logger } from '../../../workers/lib/log.ts';
import { eventually } from '../../support/eventually.ts';

let queue: LatestQueue<string>;
beforeAll(() => void (logger.level = 'silent'));
afterEach(() => queue.stop());

test('one that always fails, among 300: the others are handled once each, its own pauses grow', async () => {
  const handled: string[] = [];
  const attempts: number[] = [];
  queue = new LatestQueue(async (item) => {
    if (item === 'poison') {
      attempts.push(performance.now());
      throw new Error('always');
    }
    handled.push(item);
  });
  for (let i = 0; i < 300; i++) queue.push(`key-${i}`, i === 7 ? 'poison' : `item-${i}`);
  await eventually(() => expect(handled).toHaveLength(299));
  // Its first pause is 160 ms at least, the next ones twice as long each.
  await eventually(() => expect(attempts.length).toBeGreaterThanOrEqual(3));
  const [first = 0, second = 0, third = 0] = attempts;
  expect(second - first).toBeGreaterThan(150);
  expect(third - second).toBeGreaterThan(300);
  // Who comes now is not behind it: handled before anything else has its turn.
  queue.push('new', 'new');
  await Promise.resolve();
  expect(handled.at(-1)).toBe('new');
  expect(new Set(handled).size).toBe(handled.length);
});

test('a newer state of the same object takes its place, and is not tried before the pause is over', async () => {
  const seen: string[] = [];
  queue = new LatestQueue(async (item) => {
    seen.push(item);
    if (item === 'bad') throw new Error('bad');
  });
  queue.push('k', 'bad');
  queue.push('k', 'worse');
  queue.push('k', 'good');
  await eventually(() => expect(seen).toEqual(['bad', 'good']));
});

test('ten thousand are not handled all at once; who has news goes before who is only looked at again', async () => {
  const handled: string[] = [];
  let [at, most] = [0, 0];
  queue = new LatestQueue(async (item) => {
    most = Math.max(most, ++at);
    await new Promise((resolve) => setImmediate(resolve));
    handled.push(item);
    at -= 1;
  });
  for (let i = 0; i < 10_000; i++) queue.push(`key-${i}`, `look-${i}`, { routine: true });
  queue.push('key-9000', 'news');
  queue.push('key-9000', 'old look', { routine: true });
  queue.push('new', 'new');
  await eventually(() => expect(handled).toHaveLength(10_001));
  expect(most).toBeLessThanOrEqual(64);
  expect(handled.indexOf('news')).toBeLessThan(200);
  expect(handled.indexOf('new')).toBeLessThan(200);
  expect(handled).not.toContain('look-9000');
  expect(handled).not.toContain('old look');
});

test('leaves nothing behind that would keep a stopped manager from ending', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  let attempts = 0;
  queue = new LatestQueue(async () => {
    attempts++;
    throw new Error('always');
  });
  for (let i = 0; i < 50; i++) queue.push(`key-${i}`, 'item');
  while (attempts < 50) await Promise.resolve();
  await Promise.resolve();
  expect(timers()).toBeGreaterThanOrEqual(before + 50);
  queue.stop();
  expect(timers()).toBeLessThan(before + 50);
});
