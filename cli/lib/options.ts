import type { Command } from 'commander';
import type { Manifest } from '../../crds/lib/kind.ts';
import { badUsage } from './errors.ts';

export interface NamespaceOption {
  namespace: string;
}

export function withNamespace(command: Command): Command {
  return command.option('-n, --namespace <namespace>', 'namespace of the objects', 'default');
}

/**
 * The namespace of an object from a file: its own, else that of `-n`. As kubectl has it, an `-n` that was given and says otherwise is an
 * error: one of the two is a mistake.
 */
export function namespaceOf({ name, namespace }: Partial<Manifest['metadata']>, command: Command): string {
  const { namespace: wanted } = command.opts<NamespaceOption>();
  if (namespace === undefined || namespace === wanted) return wanted;
  if (command.getOptionValueSource('namespace') === 'default') return namespace;
  throw badUsage(
    `${name}: metadata.namespace is ${namespace}, but -n says ${wanted}`,
    'leave -n out, or correct one of them',
  );
}

/** `30s`, `5m`, `1h` or plain seconds, in milliseconds. */
export function milliseconds(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (amount === undefined) {
    throw badUsage(`"${text}" is not a time`, 'write 30s, 5m, 1h, or seconds');
  }
  return Number(amount) * ({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 0);
}
