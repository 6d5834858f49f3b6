import { expect, it } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { Cleanup } from '../../../examples/lib/cleanup.ts';
import { Narrator } from '../../../examples/lib/narrator.ts';

function narratorInto(lines: string[]): Narrator {
  const stream = new PassThrough();
  stream.setEncoding('utf8').on('data', (text: string) => lines.push(text));
  return new Narrator(stream as unknown as NodeJS.WriteStream);
}

it('undoes what was made last first, and goes on behind a step that fails', async () => {
  const undone: string[] = [];
  const said: string[] = [];
  const cleanup = new Cleanup();
  cleanup.later('the stack', async () => void undone.push('stack'));
  cleanup.later('the middle', async () => {
    throw new Error('it is stuck');
  });
  cleanup.later('the objects', async () => void undone.push('objects'));
  expect(await cleanup.run(narratorInto(said))).toEqual(['the middle: it is stuck']);
  expect(undone).toEqual(['objects', 'stack']);
  expect(said.join('')).toContain('could not be cleaned up: the middle: it is stuck');
  expect(await cleanup.run(narratorInto(said))).toEqual([]);
});
