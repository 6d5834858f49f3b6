/** The printer columns of the CRDs, evaluated here so that `sedna get` and `kubectl get` show the same table. */
import type { KindDefinition, Manifest } from '../../crds/lib/kind.ts';
import type { Column } from './output.ts';

export function columnsOf(kind: KindDefinition, options: { wide: boolean; namespace: boolean }): Column<Manifest>[] {
  const columns: Column<Manifest>[] = options.namespace ? [['namespace', ({ metadata }) => metadata.namespace]] : [];
  columns.push(['name', ({ metadata }) => metadata.name]);
  for (const { name, type, jsonPath, priority = 0 } of kind.printerColumns) {
    if (priority > 0 && !options.wide) continue;
    columns.push([name, (object) => cell(valueAt(object, jsonPath), type)]);
  }
  return columns;
}

function cell(value: unknown, type: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return type === 'date' ? age(value) : value;
  return JSON.stringify(value);
}

/** The subset of JSONPath that printer columns use: `.a.b`, `[0]`, `[?(@.key=="value")]`. */
export function valueAt(object: unknown, path: string): unknown {
  let found = object;
  for (const [, name, index, key, wanted] of path.matchAll(/\.([\w-]+)|\[(\d+)\]|\[\?\(@\.(\w+)=="([^"]*)"\)\]/g)) {
    if (name !== undefined) found = (found as Record<string, unknown> | undefined)?.[name];
    else if (!Array.isArray(found)) return undefined;
    else if (index !== undefined) found = found[Number(index)] as unknown;
    else found = (found as Record<string, unknown>[]).find((item) => item[key ?? ''] === wanted);
    if (found === undefined || found === null) return undefined;
  }
  return found;
}

/** `5s`, `3m`, `2h`, `4d`, as kubectl writes it. */
export function age(since: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(since)) / 1_000));
  if (Number.isNaN(seconds)) return '';
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
