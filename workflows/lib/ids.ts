/** Names of workflows, queues and workers. Nobody else composes them. */

export interface EntityRef {
  /** As in the manifest (`IncrementalLearningJob`); `Node` for a registered node. */
  kind: string;
  /** Empty for a node. */
  namespace: string;
  name: string;
}

export const controlQueue = 'sedna-control';

/** Work of a node: as many slots as it can compute at once. */
export function edgeQueue(node: string): string {
  return `edge/${node}`;
}

/** Watching and supervising on a node: many slots, never starved by training. */
export function residentQueue(node: string): string {
  return `edge/${node}/resident`;
}

export function entityId(ref: EntityRef): string {
  const path = ref.namespace === '' ? ref.name : `${ref.namespace}/${ref.name}`;
  return `sedna/${ref.kind.toLowerCase()}/${path}`;
}

export function nodeRef(name: string): EntityRef {
  return { kind: 'Node', namespace: '', name };
}

/** Workflow type of a kind: its name with a small first letter. */
export function workflowType(kind: string): string {
  return kind.charAt(0).toLowerCase() + kind.slice(1);
}

export function roundId(entity: string, uid: string, round: number): string {
  return `${entity}/round/${uid.slice(0, 8)}-${round}`;
}

/** All rounds of a federated job since its last reset. */
export function runId(entity: string, uid: string, epoch: number): string {
  return `${entity}/run/${uid.slice(0, 8)}-${epoch}`;
}

/** Some of the clients of a round; `index` counts those of the round. */
export function cohortId(run: string, round: number, index: number): string {
  return `${run}/cohort/${round}-${index}`;
}

/** Id of the entity that a workflow is, or is a run of. */
export function entityOf(workflowId: string): string {
  return workflowId.split('/', 4).join('/');
}

/** One line for the Web UI. */
export function entitySummary(ref: EntityRef): string {
  return ref.namespace === '' ? `${ref.kind} ${ref.name}` : `${ref.kind} ${ref.namespace}/${ref.name}`;
}

export interface Owner extends EntityRef {
  uid: string;
}

/** Deterministic, so that starting twice is starting once; unique on a node because it holds the owner's uid. */
export function stageWorkerName(owner: Owner, stage: string, round: number, attempt: number): string {
  return `${owner.name}-${stage.toLowerCase()}-${owner.uid.slice(0, 8)}-r${round}-a${attempt}`;
}

export function serviceWorkerName(owner: Owner, role: string): string {
  return `${owner.name}-${role.toLowerCase()}-${owner.uid.slice(0, 8)}`;
}

/** A replica of a worker set. Numbers are never used twice, so a name stands for one life with one specification. */
export function replicaName(owner: Owner, role: string, number: number): string {
  return `${serviceWorkerName(owner, role)}-${number}`;
}

export function frontName(owner: Owner, role: string): string {
  return serviceWorkerName(owner, `${role}-front`);
}
