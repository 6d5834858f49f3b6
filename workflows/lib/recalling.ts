/** Reads what the status of an object tells an entity that has no memory of it (`EntityKind.recalls`). Pure. */
import type { Mode } from './messages.ts';
import type { Condition } from './status.ts';

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

/** Of `status.conditions`: the roll-ups and those of Sedna. */
export function conditionsOf(value: unknown): Condition[] {
  const all: unknown[] = Array.isArray(value) ? value : [];
  return all.filter((one): one is Condition => typeof one === 'object' && one !== null);
}

/** What somebody had said of it, as the roll-up `Suspended` tells. */
export function modeOf(conditions: Condition[]): Mode {
  const suspended = conditions.find(({ type, status }) => type === 'Suspended' && status === 'True');
  if (suspended === undefined) return 'run';
  return suspended.reason === 'Paused' ? 'pause' : 'stop';
}
