import type { Command } from 'commander';
import { EXIT } from './lib/errors.ts';
import { printRows, withOutput, type Format } from './lib/output.ts';

export function register(program: Command): void {
  const command = program
    .command('doctor')
    .description('check what this machine has and whether the stack here is well');
  withOutput(command).action(async (options: { output: Format }) => {
    const { examine } = await import('../deploy/local/doctor.ts');
    const checks = await examine(process.cwd());
    const ok = checks.every(({ status }) => status !== 'problem');
    const columns = [
      ['check', (check) => check.name],
      ['status', (check) => check.status],
      ['found', (check) => (check.hint ? `${check.detail}; ${check.hint}` : check.detail)],
    ] satisfies Parameters<typeof printRows<(typeof checks)[number]>>[1];
    printRows(checks, columns, options.output, { ok, checks });
    process.exitCode = ok ? EXIT.ok : EXIT.failed;
  });
}
