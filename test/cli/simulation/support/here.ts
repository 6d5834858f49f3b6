/** `sedna simulate` in this process: to start another takes longer than most simulations of a test. */
import { jest } from '@jest/globals';
import { Command } from 'commander';
import { reportError } from '../../../../cli/lib/errors.ts';
import { register } from '../../../../cli/simulate.ts';
import type { CliResult } from '../../../support/cli.ts';

/** What cli/main.ts does with the verb, and what that prints. One at a time. */
export async function simulateHere(words: string[]): Promise<CliResult> {
  let [code, stdout, stderr] = [0, '', ''];
  const spies = [
    jest.spyOn(console, 'log').mockImplementation((line: string) => void (stdout += `${line}\n`)),
    jest.spyOn(console, 'error').mockImplementation((line: string) => void (stderr += `${line}\n`)),
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => ((stdout += String(text)), true)),
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => ((stderr += String(text)), true)),
  ];
  try {
    const program = new Command('sedna').exitOverride();
    register(program);
    await program.parseAsync(['simulate', ...words], { from: 'user' });
  } catch (error) {
    code = reportError(error);
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return { code, stdout, stderr };
}
