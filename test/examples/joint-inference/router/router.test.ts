import { expect, test } from '@jest/globals';
import { route } from '../../../../examples/joint-inference/router/evaluate.ts';
import { prepare } from '../../../../examples/joint-inference/router/prepare.ts';
import { bigAnswer, littleAnswer } from '../../../../examples/joint-inference/router/questions.ts';
import { temporaryFolder } from '../../../support/cli.ts';

test('half of the questions go to the cloud, and nearly all answers are right', async () => {
  const folder = temporaryFolder('router');
  await prepare(folder);
  const [none, some, all] = await route(folder, [0, 0.5, 1]);
  expect([none?.uploadRatio, all?.uploadRatio, all?.accuracy]).toEqual([0, 1, 1]);
  expect(none?.accuracy).toBeLessThan(0.6);
  expect(some?.accuracy).toBeGreaterThan(0.99);
  expect(some?.uploadRatio).toBeLessThan(0.55);
});

test.each([
  ['what is 3 plus 4', '7', '7'],
  ['what is 13 plus 4', 'I do not know', '17'],
  ['what is 3 plus 4 times 2', 'I do not know', '14'],
  ['what is 3 minus 4', 'I do not know', '-1'],
  ['who are you', 'I do not know', undefined],
])('%s: %s, %s', (question, little, big) => {
  expect([littleAnswer(question), bigAnswer(question)]).toEqual([little, big]);
});
