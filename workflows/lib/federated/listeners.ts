import type { AggregatorListener, Listener } from '../../../activities/contracts.ts';
import { entityId, type Owner } from '../ids.ts';
import type { RunPlan } from './state.ts';

/** Who is told how a client gets on: the job. */
export function clientListener(owner: Owner): Listener {
  return { workflowId: entityId(owner), uid: owner.uid, slot: 'client' };
}

/** Who is told why the node that aggregates tries again: the job, which knows by the generation what an edit has settled. */
export function aggregatorListener(owner: Owner, { generation }: RunPlan): AggregatorListener {
  return { workflowId: entityId(owner), uid: owner.uid, slot: 'aggregator', generation };
}
