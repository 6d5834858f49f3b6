import { condition } from '@temporalio/workflow';
import type { NodeFields } from '../activities/contracts.ts';
import { attendance } from './lib/activities.ts';
import { runEntity, type EntityInput, type EntityKind, type View } from './lib/entity.ts';
import type { Problem } from './lib/failures.ts';
import { entityId, nodeRef } from './lib/ids.ts';

interface NodeState {
  alive: boolean;
  since: string;
  /** Counts attendances: the local controller says which one it has begun. */
  attendance: number;
  begun: number;
}

export interface PublishedNode {
  alive: boolean;
  since: string;
  labels: Record<string, string>;
  executionProviders: string[];
  blobStore: NodeFields['blobStore'];
}

/** A restarted local controller takes up the next attendance within this time, and nobody hears of the gap. */
const grace = '3s';

/** A Node is Available while its local controller attends. */
const nodeKind: EntityKind<NodeFields, NodeState> = {
  kind: 'Node',
  initial: () => ({ alive: false, since: new Date().toISOString(), attendance: 0, begun: 0 }),
  published: ({ own, desired }): PublishedNode => ({
    alive: own.alive,
    since: own.since,
    labels: desired.fields.labels,
    executionProviders: desired.fields.executionProviders,
    blobStore: desired.fields.blobStore,
  }),
  plan: (view) => [{ slot: 'attend', key: 'attend', run: () => attend(view) }],

  onObserved({ own }, slot, value) {
    if (slot !== 'attend') return;
    own.begun = Math.max(own.begun, value as number);
    setAlive(own, true);
  },

  status({ own, desired }) {
    const { images, labels, ...facts } = desired.fields;
    const problem = own.alive ? undefined : silent(desired.fields.address, own.since);
    return {
      phase: own.alive ? 'Ready' : 'Silent',
      ...(problem === undefined ? {} : { waitingFor: problem }),
      progressing: { status: false, reason: own.alive ? 'Attending' : 'NodeSilent' },
      available: { status: own.alive, reason: own.alive ? 'Attending' : 'NodeSilent' },
      ...(desired.fields.blobStore.reachable
        ? {}
        : { degraded: { status: true, reason: 'BlobStoreUnreachable', message: desired.fields.blobStore.message } }),
      fields: { ...facts, labels, images, since: own.since },
    };
  },
};

function silent(address: string, since: string): Problem {
  return { reason: 'NodeSilent', message: `its local controller (${address}) is not connected since ${since}` };
}

async function attend(view: View<NodeFields, NodeState>): Promise<void> {
  const { own, ref, desired } = view;
  own.attendance += 1;
  const number = own.attendance;
  const listener = { workflowId: entityId(ref), uid: desired.uid, slot: 'attend' };
  const lost = attendance(ref.name)
    .attend({ node: ref.name, listener, attendance: number })
    .catch(() => undefined);
  const begun = await condition(() => own.begun >= number, grace);
  if (!begun && own.begun < number) setAlive(own, false);
  view.changed();
  await lost;
}

function setAlive(own: NodeState, alive: boolean): void {
  if (own.alive === alive) return;
  own.alive = alive;
  own.since = new Date().toISOString();
}

/** Why nothing can happen on a node at the moment; undefined when it is there (or has not answered yet). */
export function nodeProblem(view: Pick<View<unknown, unknown>, 'peer'>, node: string): Problem | undefined {
  const peer = view.peer(nodeRef(node));
  if (peer === undefined) return undefined;
  if (!peer.exists || peer.value === undefined) {
    return {
      reason: 'NodeUnknown',
      message: `no local controller has registered node ${node}; start one there: sedna lc --node ${node}`,
    };
  }
  const { alive, since, blobStore } = peer.value as PublishedNode;
  if (!alive) {
    return {
      reason: 'NodeSilent',
      message: `node ${node} is not connected since ${since}; work goes on when it is back`,
    };
  }
  if (!blobStore.reachable) {
    return {
      reason: 'BlobStoreUnreachable',
      message: `node ${node}: ${blobStore.message ?? 'cannot read the blob store'}`,
    };
  }
  return undefined;
}

export async function node(input: EntityInput<NodeFields, NodeState>): Promise<void> {
  await runEntity(nodeKind, input);
}
