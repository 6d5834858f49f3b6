import { verbAnnotation, verbs, type Verb } from './messages.ts';

/**
 * Verbs whose annotation has a value that was not acted upon yet. Several new ones act in the order of the list `verbs`,
 * so that `pause` and `resume` together end resumed.
 */
export function newVerbs(
  values: Partial<Record<Verb, string>> | undefined,
  handled: Readonly<Record<string, string>>,
): [Verb, string][] {
  const fresh: [Verb, string][] = [];
  for (const verb of verbs) {
    const value = values?.[verb];
    if (value !== undefined && handled[verb] !== value) fresh.push([verb, value]);
  }
  return fresh;
}

/** Values of the verb annotations of an object. */
export function verbValues(annotations: Record<string, string> | undefined): Partial<Record<Verb, string>> {
  const values: Partial<Record<Verb, string>> = {};
  for (const verb of verbs) {
    const value = annotations?.[verbAnnotation(verb)];
    if (value !== undefined) values[verb] = value;
  }
  return values;
}
