import { verbAnnotation, verbs, type ApplyMessage, type Verb } from './messages.ts';

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

/**
 * New verbs of a message, those apart whose sender had seen less than was acted upon since: what they ask for may be older than that. The
 * next status, of which its writer hears, has what was acted upon; whatever is newer then comes again.
 */
export function dueVerbs(
  { verbs: values, handled: seen }: Pick<ApplyMessage, 'verbs' | 'handled'>,
  handled: Readonly<Record<string, string>>,
): { due: [Verb, string][]; isBehind: boolean } {
  const fresh = newVerbs(values, handled);
  const due = seen === undefined ? fresh : fresh.filter(([verb]) => seen[verb] === handled[verb]);
  return { due, isBehind: due.length < fresh.length };
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
