import { expect, test } from '@jest/globals';
import { Command } from 'commander';
import { commandsFor, files } from '../../cli/lib/commands.ts';

async function namesFor(...words: string[]): Promise<string[]> {
  const program = new Command();
  for (const commands of await commandsFor(words)) commands.register(program);
  return program.commands.map((command) => command.name());
}

test.each(files)('%j are the verbs of one file', async (names) => {
  for (const name of names) expect(await namesFor(name, '--help')).toEqual(names);
});

test.each([[], ['--help'], ['help', 'get'], ['gte']])('%j needs all', async (...words) => {
  expect(await namesFor(...words)).toEqual(files.flatMap(([names]) => names));
});
