/** `app=vision,tier!=test,zone in (a, b),!old`: label selectors as kubectl takes them, for clusters and for objects without one. */
import { badUsage, type CliError } from './errors.ts';

type Labels = Readonly<Record<string, string>>;

const key = String.raw`(?<key>[A-Za-z0-9](?:[\w./-]*[A-Za-z0-9])?)`;
const value = String.raw`[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?`;
const equality = new RegExp(String.raw`^${key}\s*(?<operator>==?|!=)\s*(?<value>(?:${value})?)$`);
const set = new RegExp(String.raw`^${key}\s+(?<operator>in|notin)\s*\((?<values>[^()]*)\)$`);
const existence = new RegExp(String.raw`^(?<operator>!?)\s*${key}$`);

/** Whether labels meet all requirements of a selector; throws `BadUsage` on one that is not understood. */
export function labelSelector(text: string): (labels: Labels | undefined) => boolean {
  // A comma between parentheses parts values, not requirements.
  const requirements = text.split(/,(?![^(]*\))/).map((part) => requirementOf(part.trim(), text));
  return (labels = {}) => requirements.every((holds) => holds(labels));
}

function requirementOf(part: string, text: string): (labels: Labels) => boolean {
  const { key: name = '', operator = '', ...rest } = match(part, text);
  if (rest.values !== undefined) {
    const values = rest.values.split(',').map((each) => each.trim());
    // As in Kubernetes: an object without the label is not in the set.
    if (operator === 'in') return (labels) => Object.hasOwn(labels, name) && values.includes(labels[name] ?? '');
    return (labels) => !Object.hasOwn(labels, name) || !values.includes(labels[name] ?? '');
  }
  if (rest.value !== undefined) {
    const isEqual = (labels: Labels) => Object.hasOwn(labels, name) && labels[name] === rest.value;
    return operator === '!=' ? (labels) => !isEqual(labels) : isEqual;
  }
  return (labels) => Object.hasOwn(labels, name) !== (operator === '!');
}

/** As kubectl has it: who names an object, and many, has made a mistake in one of them. */
export function namesAndLabels(flag: '-l' | '--all' = '-l'): CliError {
  return badUsage(`names and ${flag} exclude each other`, 'leave one out');
}

function match(part: string, text: string): Record<string, string | undefined> {
  const groups = (equality.exec(part) ?? set.exec(part) ?? existence.exec(part))?.groups;
  if (groups !== undefined) return groups;
  throw badUsage(
    `-l ${text} is not understood${part === text || part === '' ? '' : ` at "${part}"`}`,
    'write LABEL=VALUE, LABEL!=VALUE, LABEL, !LABEL, LABEL in (A,B) or LABEL notin (A,B), with commas between',
  );
}
