/** What every job needs of its view: other objects by name, and nodes by label. */
import { control } from './activities.ts';
import type { Problem } from './failures.ts';
import type { View } from './kind.ts';
import type { Operation } from './operations.ts';

/** Of any kind that places workers by selector. */
type AnyView = Pick<View<unknown, unknown>, 'ref' | 'peer'>;
type Placing = { own: { placed: Record<string, string> } };

/** What another object of the namespace publishes; undefined while it is not there, or has not answered. */
export function peerValue<T>({ ref, peer }: AnyView, kind: string, name: string): T | undefined {
  const known = peer({ kind, namespace: ref.namespace, name });
  return known?.exists === true ? (known.value as T | undefined) : undefined;
}

/** Why an object that is needed has no value. Undefined: it has not answered yet. */
export function missing({ ref, peer }: AnyView, kind: 'Dataset' | 'Model', name: string): Problem | undefined {
  const known = peer({ kind, namespace: ref.namespace, name });
  if (known === undefined) return undefined;
  const id = `${ref.namespace}/${name}`;
  const what = known.exists
    ? 'has an invalid manifest; see its status'
    : 'does not exist; apply it and this goes on by itself';
  return { reason: `${kind}Missing`, message: `${kind} ${id} ${what}` };
}

export function selectorKey(selector: Record<string, string>): string {
  return Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

/** Finds a node with these labels, however long it takes, and remembers it under the selector's key. */
export function placing(view: Placing, selector: Record<string, string>): Operation {
  const key = selectorKey(selector);
  const run = async (): Promise<void> => {
    const { node } = await control(`find a node with ${key}`).place({ nodeSelector: selector });
    view.own.placed = { ...view.own.placed, [key]: node };
  };
  return { slot: `place ${key}`, key, run };
}
