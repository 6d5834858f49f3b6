/** `il/helmet`, `il helmet`, `il,dataset`, `helmet` → kinds and names. */
import { findKind, kinds } from '../../crds/registry.ts';
import type { KindDefinition } from '../../crds/lib/kind.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';
import { CliError, EXIT } from './errors.ts';

export function kindOf(word: string): KindDefinition {
  const kind = findKind(word);
  if (kind !== undefined) return kind;
  throw new CliError(`there is no kind ${word}`, {
    code: 'UnknownKind',
    hint: ofKubernetes.find(([words]) => words.test(word))?.[1] ?? `kinds: ${known}`,
    exitCode: EXIT.usage,
  });
}

const known = kinds
  .map(({ kind, shortNames: [short] }) => (short === undefined ? kind : `${kind} (${short})`))
  .join(', ');

/** What people who know kubectl ask for. */
const ofKubernetes: [words: RegExp, hint: string][] = [
  [/^no(des?)?$/i, 'sedna nodes lists the nodes'],
  [/^po(ds?)?$/i, 'workers are processes of their node: sedna get workers lists them'],
];

/** Kinds of a comma-separated list; `all`, or the category `sedna` as for kubectl, is every kind. */
export function kindsOf(words: string): KindDefinition[] {
  return ['all', 'sedna'].includes(words) ? [...kinds] : words.split(',').map(kindOf);
}

/** One object: `KIND/NAME`, or `KIND NAME`. */
export function referenceOf(words: string[], namespace: string): EntityRef {
  const [ref, ...more] = referencesOf(words, namespace);
  if (ref === undefined || more.length > 0) throw whichObject('one object only: KIND/NAME, for example il/helmet');
  return ref;
}

/** Objects that are all written `KIND/NAME`, or one kind and the names of its objects. */
export function referencesOf(words: string[], namespace: string): EntityRef[] {
  const pairs = pairsOf(words);
  if (pairs.length === 0) throw whichObject();
  return pairs.map(([kind, name]) => ({ kind: kindOf(kind).kind, namespace, name }));
}

export interface Selection {
  kinds: KindDefinition[];
  /** Undefined: all of these kinds. */
  name: string | undefined;
}

/** What `get` lists: `KIND[,KIND…]`, the same with names, or objects that are written `KIND/NAME`. */
export function selectionsOf(words: string[]): Selection[] {
  const [first = '', ...names] = words;
  if (names.length === 0 && !first.includes('/')) return [{ kinds: kindsOf(first), name: undefined }];
  return pairsOf(words).map(([list, name]) => ({ kinds: kindsOf(list), name }));
}

function pairsOf(words: string[]): [kind: string, name: string][] {
  const slashed = words.filter((word) => word.includes('/'));
  if (slashed.length === 0) {
    const [kind = '', ...names] = words;
    return names.map((name) => [kind, name]);
  }
  const mixed = slashed.length < words.length;
  if (mixed) throw whichObject(`write each as KIND/NAME (${slashed.join(' ')}), or one kind and names without a slash`);
  return words.map((word) => {
    const [kind = '', name = '', ...rest] = word.split('/');
    if (kind === '' || name === '' || rest.length > 0) throw whichObject(`"${word}" is not KIND/NAME`);
    return [kind, name];
  });
}

function whichObject(hint = 'KIND/NAME, for example il/helmet'): CliError {
  return new CliError('which object?', { code: 'NoName', hint, exitCode: EXIT.usage });
}

export function notFound(ref: EntityRef): CliError {
  return new CliError(`${ref.kind} ${ref.namespace}/${ref.name} does not exist`, {
    code: 'NotFound',
    hint: `sedna get ${kindOf(ref.kind).singular} lists what does`,
    exitCode: EXIT.notFound,
  });
}
