/** What a joint inference service finds around itself: Models, nodes, a Dataset; or why it cannot go on. Pure. */
import type { PublishedDataset } from '../../dataset.ts';
import type { PublishedModel } from '../../model.ts';
import { nodeProblem } from '../../node.ts';
import type { Problem } from '../failures.ts';
import { nodeRef, type EntityRef } from '../ids.ts';
import { missing, peerValue, selectorKey } from '../surroundings.ts';
import { fieldsOf, formerRoles, isTier, rolesOf, setOf, shortName } from './chain.ts';
import type { Role, ServiceView } from './state.ts';

export interface RoleSituation {
  node: string;
  model: PublishedModel;
}

export function needs(view: ServiceView): EntityRef[] {
  const { fields } = view.desired;
  const { namespace } = view.ref;
  const roles = rolesOf(view);
  const models = new Set(roles.map((role) => fieldsOf(view, role).model));
  // Also where a set still is while it moves.
  const nodes = new Set(
    roles.flatMap((role) => [nodeOf(view, role), setOf(view.own, role).node]).filter((node) => node !== undefined),
  );
  for (const role of formerRoles(view)) {
    const { node } = setOf(view.own, role);
    if (node !== undefined) nodes.add(node);
  }
  const { hardExamples } = fields;
  return [
    ...[...models].map((name) => ({ kind: 'Model', namespace, name })),
    ...(hardExamples === undefined ? [] : [{ kind: 'Dataset', namespace, name: hardExamples.dataset }]),
    ...[...nodes].map(nodeRef),
  ];
}

/** Undefined where the template names its node: nothing may choose another one. */
export function selectorOf(view: ServiceView, role: Role): Record<string, string> | undefined {
  const { node, nodeSelector } = fieldsOf(view, role);
  return node === undefined ? (nodeSelector ?? usualNodes(role)) : undefined;
}

/** Nodes are in the cloud or at the edge: which of them carries a tier, a label of its own says. */
function usualNodes(role: Role): Record<string, string> {
  return isTier(role) ? { 'sedna.io/tier': shortName(role) } : { 'sedna.io/role': role };
}

export function nodeOf(view: ServiceView, role: Role): string | undefined {
  const selector = selectorOf(view, role);
  return selector === undefined ? fieldsOf(view, role).node : view.own.placed[selectorKey(selector)];
}

/** It is wanted on another node than where it is, and nothing speaks against it. */
export function isMoving(view: ServiceView, role: Role): boolean {
  const { node } = setOf(view.own, role);
  const wanted = nodeOf(view, role);
  return node !== undefined && wanted !== undefined && wanted !== node && assess(view, role).problem === undefined;
}

/** All that a set needs, or the first reason why there is none. Neither: not answered yet. */
export function assess(view: ServiceView, role: Role): { situation?: RoleSituation; problem?: Problem } {
  const { model: name } = fieldsOf(view, role);
  const model = peerValue<PublishedModel>(view, 'Model', name);
  if (model === undefined) {
    const problem = missing(view, 'Model', name);
    return problem === undefined ? {} : { problem };
  }
  const node = nodeOf(view, role);
  if (node === undefined) {
    const labels = selectorKey(selectorOf(view, role) ?? {});
    return { problem: { reason: 'NodeUnknown', message: `no connected node has the labels ${labels}` } };
  }
  if (view.peer(nodeRef(node)) === undefined) return {};
  const unknown = nodeProblem(view, node);
  if (unknown?.reason === 'NodeUnknown') return { problem: unknown };
  return { situation: { node, model } };
}

/** Where hard examples go, once the Dataset is known to be on the node of the edge workers. */
export function hardExampleDataset(
  view: ServiceView,
  node: string,
): { dataset?: { url: string; format: string }; problem?: Problem } {
  const { hardExamples } = view.desired.fields;
  if (hardExamples === undefined) return {};
  const name = hardExamples.dataset;
  const found = peerValue<PublishedDataset>(view, 'Dataset', name);
  if (found === undefined) {
    const problem = missing(view, 'Dataset', name);
    return problem === undefined ? {} : { problem };
  }
  if (found.nodeName === node) return { dataset: { url: found.url, format: found.format } };
  const message = `spec.hardExamples.dataset: Dataset ${name} is local to ${found.nodeName}, but the edge workers run on ${node}: no hard example is kept until both are the same`;
  return { problem: { reason: 'DatasetElsewhere', message } };
}
