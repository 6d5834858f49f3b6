import type { Command } from 'commander';

export interface NamespaceOption {
  namespace: string;
}

export function withNamespace(command: Command): Command {
  return command.option('-n, --namespace <namespace>', 'namespace of the objects', 'default');
}

/** `30s`, `5m`, `1h` or plain seconds, in milliseconds. */
export function milliseconds(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? NaN;
  return Number(amount ?? NaN) * factor;
}
