/** A window of one hour that is closed now and for some hours. UTC. */
export function closedWindow(now = new Date()): { start: string; end: string } {
  const at = (hours: number): string => new Date(now.getTime() + hours * 3_600_000).toISOString().slice(11, 16);
  return { start: at(6), end: at(7) };
}
