/** Answers that the edge has promised for later: each request ends exactly once, wherever the set is. */
import { errand } from '../activities.ts';
import type { SetContext } from '../worker-set/operations.ts';

/**
 * Brings what waits on a node that the set has left to the one where it is now. Back where it was, its workers find their own; but what was
 * packed there on the way to another node has to be laid out again.
 */
export async function bringAnswers({ owner, role, set: { node: to } }: SetContext, from: string): Promise<void> {
  if (to === undefined) return;
  const left = errand(from, `deferred answers that were left on ${from}`);
  for (;;) {
    const stores = await left.packDeferred({ owner, role, isBack: from === to });
    if (stores.length === 0) return;
    await errand(to, `bring deferred answers from ${from}`).unpackDeferred({ owner, role, stores });
    await left.dropDeferred({ owner, role });
  }
}
