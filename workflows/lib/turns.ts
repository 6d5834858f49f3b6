/** Doing the same for thousands without having more activities pending than a workflow may (2,000). */

export const activitiesAtOnce = 1_000;

/** Calls `act` for each, in order, for so many at a time. Resolves when all have ended, well or badly. */
export async function inTurns<T>(
  items: T[],
  act: (item: T) => Promise<unknown>,
  atOnce = activitiesAtOnce,
): Promise<void> {
  const rest = items.values();
  // One iterator for all: whoever is done takes the next.
  const turn = async (): Promise<void> => {
    for (const item of rest) await act(item).catch(() => undefined);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, turn));
}
