import { expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { inTurns } from '../../../workflows/lib/turns.ts';

test('each once, in order, not more than so many at a time, whatever fails', async () => {
  const begun: number[] = [];
  let [now, most] = [0, 0];
  await inTurns(
    [0, 1, 2, 3, 4, 5, 6],
    async (item) => {
      begun.push(item);
      most = Math.max(most, (now += 1));
      await turn();
      now -= 1;
      if (item % 2 === 0) throw new Error('a node that is away');
    },
    3,
  );
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect([now, most]).toEqual([0, 3]);
});
