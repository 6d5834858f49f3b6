import type { Command } from 'commander';
import { CliError, EXIT } from './errors.ts';

export interface NamespaceOption {
  namespace: string;
}

export function withNamespace(command: Command): Command {
  return command.option('-n, --namespace <namespace>', 'namespace of the objects', 'default');
}

/** `30s`, `5m`, `1h` or plain seconds, in milliseconds. */
export function milliseconds(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (amount === undefined) {
    throw new CliError(`"${text}" is not a time`, {
      code: 'BadUsage',
      hint: 'write 30s, 5m, 1h, or seconds',
      exitCode: EXIT.usage,
    });
  }
  return Number(amount) * ({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 0);
}
