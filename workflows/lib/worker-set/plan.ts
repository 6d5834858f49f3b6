/** Which replicas to start and which to let go, so that a set gets from what it has to what is wanted. Pure. */

export interface Replica {
  name: string;
  /** It runs what is wanted now; else what was wanted before. */
  current: boolean;
  /** `draining`: it was let go, and is not gone yet. */
  state: 'starting' | 'ready' | 'failing' | 'draining';
}

export interface SetActions {
  /** How many new ones. */
  start: number;
  /** Names, to be let go. */
  drain: string[];
}

/** How many more than wanted may be there at once, all told: room for a new one before an old one goes. */
const surge = 1;

/**
 * - One that is ready is let go only while enough others are: requests always find as many ready ones as before, or as wanted.
 * - New ones are started before old ones go, one at a time; a new one that does not get ready stops the replacement there.
 * - One that is not ready serves nobody: an old one of those goes at once.
 */
export function planSet(wanted: number, replicas: readonly Replica[]): SetActions {
  const live = replicas.filter(({ state }) => state !== 'draining');
  const drain = new Set<string>();
  const currents = live.filter(({ current }) => current);

  for (const { name, current, state } of live) if (!current && state !== 'ready') drain.add(name);
  const extra = Math.max(0, currents.length - wanted);
  // The newest go first: those that serve longest have proved themselves.
  const idle = currents.filter(({ state }) => state !== 'ready').reverse();
  for (const { name } of idle.slice(0, extra)) drain.add(name);

  const ready = live.filter(({ state }) => state === 'ready');
  let spare = ready.length - wanted;
  const old = ready.filter(({ current }) => !current);
  const surplus = ready
    .filter(({ current }) => current)
    .reverse()
    .slice(0, Math.max(0, extra - idle.length));
  for (const { name } of [...old, ...surplus]) if (spare-- > 0) drain.add(name);

  const staying = live.length - drain.size;
  const room = wanted === 0 ? 0 : wanted + surge - replicas.length;
  const start = Math.max(0, Math.min(wanted - currents.length, room, wanted + surge - staying));
  return { start, drain: [...drain] };
}
