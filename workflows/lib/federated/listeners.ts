import type { Listener } from '../../../activities/contracts.ts';
import { entityId, type Owner } from '../ids.ts';

/** Who is told how clients get on, or why the node that aggregates tries again: the job. */
export function listenerOf(owner: Owner, slot: 'client' | 'aggregator'): Listener {
  return { workflowId: entityId(owner), uid: owner.uid, slot };
}
