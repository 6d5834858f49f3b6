import { bind, bindAnywhere, unbind, type Bound } from '../../workers/lib/ports.ts';

/**
 * One free loopback port per name. `before` holds the ports of an earlier run; they are kept while nobody else has them.
 * Names in `held` keep theirs without a look: their owner still runs.
 */
export async function allocatePorts(
  names: string[],
  before: Record<string, number> = {},
  held: ReadonlySet<string> = new Set(),
): Promise<Record<string, number>> {
  const ports: Record<string, number> = {};
  const taken = new Set(Object.values(before));
  const all: Bound[] = [];
  try {
    for (const name of names) {
      const old = before[name];
      if (old && held.has(name)) {
        ports[name] = old;
        continue;
      }
      const bound = (old ? await bind(old) : undefined) ?? (await bindAnywhere(taken));
      all.push(bound);
      ports[name] = bound.port;
      taken.add(bound.port);
    }
  } finally {
    await Promise.all(all.map(({ server }) => unbind(server)));
  }
  return ports;
}
