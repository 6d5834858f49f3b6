/** What a federated job finds around itself: its Datasets, Models and nodes. Clients that lack something simply are not there yet. Pure. */
import type { ModelSource } from '../../../activities/contracts.ts';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import type { PublishedDataset } from '../../dataset.ts';
import type { PublishedModel } from '../../model.ts';
import { nodeProblem, type PublishedNode } from '../../node.ts';
import type { View } from '../entity.ts';
import type { Problem } from '../failures.ts';
import { nodeRef, type EntityRef } from '../ids.ts';
import { missing, peerValue, selectorKey } from '../surroundings.ts';
import type { FederatedState } from './job-state.ts';
import { clientIds } from './client-ids.ts';
import { followsSource, startOf } from './stored.ts';
import type { ClientPlace, RunPlan } from './state.ts';

export type FederatedView = View<FederatedLearningJobFields, FederatedState>;

/** Where the aggregator may run when its template says nothing. */
export const cloud = { 'sedna.io/role': 'cloud' };

export function needs(view: FederatedView): EntityRef[] {
  const { namespace } = view.ref;
  const { fields } = view.desired;
  const test = testDataset(fields);
  const datasets = [
    ...new Set([...fields.clients.map(({ dataset }) => dataset), ...(test === undefined ? [] : [test])]),
  ];
  const nodes = new Set<string>();
  // Of those without a place too: that it has registered, or has other labels now, is what they wait for.
  for (const node of trainingNodes(view)) nodes.add(node);
  const aggregator = aggregatorNode(view);
  if (aggregator !== undefined) nodes.add(aggregator);
  const testNode = testData(view)?.node;
  if (testNode !== undefined) nodes.add(testNode);
  return [
    ...datasets.map((name) => ({ kind: 'Dataset', namespace, name })),
    ...(followsSource(view) ? [{ kind: view.ref.kind, namespace, name: fields.startFrom?.job ?? '' }] : []),
    ...modelNames(fields).map((name) => ({ kind: 'Model', namespace, name })),
    ...[...nodes].map(nodeRef),
  ];
}

function modelNames({ model, pretrainedModel }: FederatedLearningJobFields): string[] {
  return pretrainedModel === undefined || pretrainedModel === model ? [model] : [model, pretrainedModel];
}

/** Template's node, else one that its selector chose, else any cloud node. */
export function aggregatorNode({ desired, own }: FederatedView): string | undefined {
  const { node } = desired.fields.aggregation;
  return node ?? own.placed[selectorKey(aggregatorSelector(desired.fields))];
}

export function aggregatorSelector({ aggregation }: FederatedLearningJobFields): Record<string, string> {
  return aggregation.nodeSelector ?? cloud;
}

/** Where each client trains: on the node of its dataset. A node that is silent keeps its place: its work waits in its queue. */
export function places(view: FederatedView): ClientPlace[] {
  const { clients, selection } = view.desired.fields;
  const ids = clientIds(clients.length);
  return clients.map(({ dataset, node }, index) => {
    const client = ids[index] as string;
    const published = peerValue<PublishedDataset>(view, 'Dataset', dataset);
    if (published === undefined) return { client, dataset, problem: missing(view, 'Dataset', dataset) };
    const { url, format, nodeName } = published;
    if (node !== undefined && node !== nodeName) {
      const message =
        `spec.trainingWorkers[${index}].template.spec.nodeName is ${node}, but dataset ${dataset} is local to ` +
        `${nodeName}: leave the node out, or name that one`;
      return { client, dataset, problem: { reason: 'DatasetElsewhere', message } };
    }
    const known = view.peer(nodeRef(nodeName));
    const labels = (known?.value as PublishedNode | undefined)?.labels;
    const place = { node: nodeName, source: { url, format }, ...(labels === undefined ? {} : { labels }) };
    // A node that nobody has ever registered cannot be asked; one that is silent comes back.
    if (known !== undefined && !known.exists) {
      return { client, dataset, problem: nodeProblem(view, nodeName) };
    }
    // Its labels are known when its node has answered.
    if (known === undefined && selection.strategy !== 'All') return { client, dataset };
    return { client, dataset, place };
  });
}

/** Where clients train, or would. */
function trainingNodes(view: FederatedView): string[] {
  return view.desired.fields.clients.flatMap(({ dataset, node }) => {
    const nodeName = peerValue<PublishedDataset>(view, 'Dataset', dataset)?.nodeName;
    return nodeName === undefined || (node !== undefined && node !== nodeName) ? [] : [nodeName];
  });
}

function testDataset({ evaluation }: FederatedLearningJobFields): string | undefined {
  return evaluation.where === 'Central' ? evaluation.dataset : undefined;
}

function testData(view: FederatedView): RunPlan['test'] {
  const dataset = testDataset(view.desired.fields);
  const published = dataset === undefined ? undefined : peerValue<PublishedDataset>(view, 'Dataset', dataset);
  if (dataset === undefined || published === undefined) return undefined;
  const { url, format, nodeName } = published;
  return { dataset, node: nodeName, source: { url, format } };
}

/** The job as a run takes it, or why there can be none yet. `undefined` in both: not answered yet. */
export function assess(view: FederatedView): { plan?: RunPlan; problem?: Problem } {
  const { desired } = view;
  const { fields, manifest, generation } = desired;
  const model = peerValue<PublishedModel>(view, 'Model', fields.model);
  if (model === undefined) return noted(missing(view, 'Model', fields.model));
  const pretrained =
    fields.pretrainedModel === undefined ? undefined : peerValue<PublishedModel>(view, 'Model', fields.pretrainedModel);
  if (fields.pretrainedModel !== undefined && pretrained === undefined) {
    return noted(missing(view, 'Model', fields.pretrainedModel));
  }
  const [testName, test] = [testDataset(fields), testData(view)];
  if (testName !== undefined && test === undefined) return noted(missing(view, 'Dataset', testName));
  const aggregator = aggregatorNode(view);
  if (aggregator === undefined) {
    const labels = selectorKey(aggregatorSelector(fields));
    return {
      problem: { reason: 'NodeUnknown', message: `no connected node has the labels ${labels} to aggregate on` },
    };
  }
  const { start, problem, isUnknown } = startOf(view);
  if (problem !== undefined) return { problem };
  if (manifest === undefined || isUnknown === true) return {};
  return {
    plan: {
      generation,
      fields,
      manifest,
      clients: places(view),
      aggregator,
      model: source(model),
      ...(pretrained === undefined ? {} : { pretrained: source(pretrained) }),
      ...(start === undefined ? {} : { start }),
      ...(test === undefined ? {} : { test }),
    },
  };
}

function noted(problem: Problem | undefined): { problem?: Problem } {
  return problem === undefined ? {} : { problem };
}

function source({ url, format, live }: PublishedModel): ModelSource {
  return live === undefined
    ? { url, format }
    : { url, format, blob: { uri: live.uri, sha256: live.sha256, bytes: live.bytes } };
}
