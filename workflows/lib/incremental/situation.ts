/** What an incremental job finds around itself: its Dataset, Models and nodes, or why it cannot go on. Pure. */
import type { IncrementalLearningJobFields, WorkerFields } from '../../../crds/fields.ts';
import type { PublishedDataset } from '../../dataset.ts';
import type { PublishedModel } from '../../model.ts';
import { nodeProblem } from '../../node.ts';
import type { View } from '../entity.ts';
import type { Problem } from '../failures.ts';
import { nodeRef, type EntityRef } from '../ids.ts';
import { missing, peerValue, selectorKey } from '../surroundings.ts';
import type { IncrementalState } from './state.ts';

export type JobView = View<IncrementalLearningJobFields, IncrementalState>;

export interface Situation {
  dataset: PublishedDataset;
  initialModel: PublishedModel;
  deployModel: PublishedModel;
  evalModel?: PublishedModel;
  nodes: { data: string; train: string; eval: string; deploy: string };
}

const roles = ['train', 'eval', 'deploy'] as const;
export type Role = (typeof roles)[number];

export function needs(view: JobView): EntityRef[] {
  const { fields } = view.desired;
  const { namespace } = view.ref;
  const models = new Set(modelNames(fields));
  const nodes = new Set<string>();
  const dataNode = peerValue<PublishedDataset>(view, 'Dataset', fields.dataset)?.nodeName;
  if (dataNode !== undefined) nodes.add(dataNode);
  for (const role of roles) {
    const node = placement(view, role, dataNode);
    if (node !== undefined) nodes.add(node);
  }
  return [
    { kind: 'Dataset', namespace, name: fields.dataset },
    ...[...models].map((name) => ({ kind: 'Model', namespace, name })),
    ...[...nodes].map(nodeRef),
  ];
}

/** Template's node, else a node that its selector chose, else the dataset's. */
function placement(view: JobView, role: Role, dataNode: string | undefined): string | undefined {
  const fields: WorkerFields = view.desired.fields[role];
  if (fields.node !== undefined) return fields.node;
  if (fields.nodeSelector !== undefined) return view.own.placed[selectorKey(fields.nodeSelector)];
  return dataNode;
}

/** Selectors that no node was chosen for yet. */
export function openSelectors(view: JobView): Record<string, string>[] {
  const open = new Map<string, Record<string, string>>();
  for (const role of roles) {
    const { node, nodeSelector }: WorkerFields = view.desired.fields[role];
    if (node !== undefined || nodeSelector === undefined) continue;
    if (view.own.placed[selectorKey(nodeSelector)] === undefined) open.set(selectorKey(nodeSelector), nodeSelector);
  }
  return [...open.values()];
}

/** All that a round needs, or the first reason why there is none. `undefined` in both: not answered yet. */
export function assess(view: JobView): { situation?: Situation; problem?: Problem } {
  const { fields } = view.desired;
  const dataset = peerValue<PublishedDataset>(view, 'Dataset', fields.dataset);
  if (dataset === undefined) return noted(missing(view, 'Dataset', fields.dataset));
  const models = new Map<string, PublishedModel>();
  for (const name of modelNames(fields)) {
    const found = peerValue<PublishedModel>(view, 'Model', name);
    if (found === undefined) return noted(missing(view, 'Model', name));
    models.set(name, found);
  }
  const placed = placements(view, fields.dataset, dataset.nodeName);
  if (placed.nodes === undefined) return placed;
  return { situation: { dataset, nodes: placed.nodes, ...pick(models, fields) } };
}

function modelNames({ initialModel, deployModel, evalModel }: IncrementalLearningJobFields): string[] {
  return [initialModel, deployModel, ...(evalModel === undefined ? [] : [evalModel])];
}

function pick(
  models: Map<string, PublishedModel>,
  { initialModel, deployModel, evalModel }: IncrementalLearningJobFields,
): Pick<Situation, 'initialModel' | 'deployModel' | 'evalModel'> {
  const found = (name: string): PublishedModel => models.get(name) as PublishedModel;
  return {
    initialModel: found(initialModel),
    deployModel: found(deployModel),
    ...(evalModel === undefined ? {} : { evalModel: found(evalModel) }),
  };
}

function placements(view: JobView, dataset: string, data: string): { nodes?: Situation['nodes']; problem?: Problem } {
  const [train, evaluation, deploy] = roles.map((role) => placement(view, role, data));
  if (train === undefined || evaluation === undefined || deploy === undefined) {
    const labels = openSelectors(view).map(selectorKey).join(' and ');
    return { problem: { reason: 'NodeUnknown', message: `no connected node has the labels ${labels}` } };
  }
  const elsewhere = [
    { spec: 'trainSpec', node: train },
    { spec: 'evalSpec', node: evaluation },
  ].find(({ node }) => node !== data);
  if (elsewhere !== undefined) {
    const message =
      `spec.${elsewhere.spec}.template.spec.nodeName is ${elsewhere.node}, but dataset ${dataset} is local to ${data}: ` +
      'leave the node out, or name that one';
    return { problem: { reason: 'DatasetElsewhere', message } };
  }
  return { nodes: { data, train, eval: evaluation, deploy } };
}

/** Of a local controller: does it look at the dataset that the job waits for now? */
export function isOfDataset(view: JobView, node: string | undefined): boolean {
  const dataset = peerValue<PublishedDataset>(view, 'Dataset', view.desired.fields.dataset);
  return node === undefined || dataset === undefined || node === dataset.nodeName;
}

function noted(problem: Problem | undefined): { problem?: Problem } {
  return problem === undefined ? {} : { problem };
}

/** First node of those that is not there. */
export function silentNode(view: JobView, nodes: string[]): Problem | undefined {
  for (const node of nodes) {
    const problem = nodeProblem(view, node);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
