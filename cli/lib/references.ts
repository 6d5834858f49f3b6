/** `il/helmet`, `il helmet`, `il,dataset`, `helmet` → kinds and names. */
import { findKind, kinds } from '../../crds/registry.ts';
import type { KindDefinition } from '../../crds/lib/kind.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';
import { CliError, EXIT } from './errors.ts';

export function kindOf(word: string): KindDefinition {
  const kind = findKind(word);
  if (kind !== undefined) return kind;
  const known = kinds
    .map(({ kind: name, shortNames: [short] }) => (short === undefined ? name : `${name} (${short})`))
    .join(', ');
  throw new CliError(`there is no kind ${word}`, {
    code: 'UnknownKind',
    hint: `kinds: ${known}`,
    exitCode: EXIT.usage,
  });
}

/** Kinds of a comma-separated list; `all` is every kind. */
export function kindsOf(words: string): KindDefinition[] {
  return words === 'all' ? [...kinds] : words.split(',').map(kindOf);
}

/** One object: `KIND/NAME`, or `KIND NAME`. */
export function referenceOf(words: string[], namespace: string): EntityRef {
  const [first = '', second] = words.length === 1 ? (words[0] ?? '').split('/') : words;
  if (second === undefined || second === '' || words.length > 2) {
    throw new CliError('which object?', {
      code: 'NoName',
      hint: 'KIND/NAME, for example il/helmet',
      exitCode: EXIT.usage,
    });
  }
  return { kind: kindOf(first).kind, namespace, name: second };
}

/** One object, or several that are all written `KIND/NAME`. */
export function referencesOf(words: string[], namespace: string): EntityRef[] {
  const several = words.length > 1 && words.every((word) => word.includes('/'));
  return several ? words.map((word) => referenceOf([word], namespace)) : [referenceOf(words, namespace)];
}

export function notFound(ref: EntityRef): CliError {
  return new CliError(`${ref.kind} ${ref.namespace}/${ref.name} does not exist`, {
    code: 'NotFound',
    hint: `sedna get ${kindOf(ref.kind).singular} lists what does`,
    exitCode: EXIT.notFound,
  });
}
