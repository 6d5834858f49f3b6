import assert from 'node:assert/strict';
import { ApplicationFailure } from '@temporalio/common';
import { createHash } from 'node:crypto';
import type {
  AggregateInput,
  AggregateResult,
  AggregatorListener,
  CheckStrategyInput,
  Encoding,
  EvaluateModelInput,
  EvaluateModelResult,
  FederatedEdgeActivities,
  FederatedResidentActivities,
  ImportedModel,
  ImportModelInput,
  InspectCutInput,
  StrategyNeeds,
  TrainClientInput,
  TrainClientResult,
  TrainHeadInput,
} from '../../../activities/contracts.ts';
import { signallerOf } from '../../../activities/lib/signaller.ts';
import type { FederatedLearningJobFields } from '../../../crds/fields.ts';
import type { BlobStore } from '../../../sdk/storage/index.ts';
import type { ApplyMessage } from '../../../workflows/lib/messages.ts';
import { ScriptedNode, beating } from './edge.ts';
import type { TestNamespace } from './namespace.ts';

export type FederatedChange = Partial<Omit<FederatedLearningJobFields, 'rounds'>> & {
  rounds?: Partial<FederatedLearningJobFields['rounds']>;
};

export const encoding: Encoding = {
  ...{ layer: 'relu2', bits: 4, low: 0, high: 2, epsilon: 6 },
  cut: { shape: [16], outputs: 10, classes: 10 },
};

type Answer = (input: TrainClientInput) => Promise<TrainClientResult> | TrainClientResult;

/** A federated job over scripted nodes `<name>-0`, `<name>-1`, …, one client on each, aggregated on `<name>-cloud`. */
export class FederatedScene {
  readonly temporal: TestNamespace;
  readonly name: string;
  readonly clients: ScriptedNode[];
  readonly cloud: ScriptedNode;
  /** Tasks in the order in which they were given. */
  readonly tasks: TrainClientInput[] = [];
  readonly aggregations: AggregateInput[] = [];
  readonly dismissed: string[] = [];
  /** Of a user's own, that were stopped. */
  readonly aggregators: { worker: string; finished: boolean }[] = [];
  readonly checks: CheckStrategyInput[] = [];
  onCheck: (input: CheckStrategyInput) => StrategyNeeds | undefined = () => undefined;
  readonly evaluations: EvaluateModelInput[] = [];
  onEvaluate: (input: EvaluateModelInput) => EvaluateModelResult = () => ({ samples: 1, metrics: {} });
  readonly cuts: InspectCutInput[] = [];
  onCut: (input: InspectCutInput) => Encoding = () => encoding;
  readonly heads: TrainHeadInput[] = [];
  imported: ImportedModel | undefined;
  onImport: (url: string) => ImportedModel | undefined = () => this.imported;
  beforeImport: (input: ImportModelInput) => Promise<void> | void = () => undefined;
  answer: Answer = (input) => this.update(input);
  onAggregate: (input: AggregateInput) => Promise<Partial<AggregateResult>> | Partial<AggregateResult> = () => ({});

  constructor(temporal: TestNamespace, name: string, clients: number) {
    this.temporal = temporal;
    this.name = name;
    this.clients = Array.from({ length: clients }, (_, i) => new ScriptedNode(temporal, `${name}-${i}`));
    this.cloud = new ScriptedNode(temporal, `${name}-cloud`);
    for (const node of [...this.clients, this.cloud]) this.#equip(node);
  }

  get ref() {
    return { kind: 'FederatedLearningJob', namespace: 'default', name: this.name };
  }

  get runId(): string {
    return this.tasks[0]?.identity.run ?? '';
  }

  fields({ rounds, ...change }: FederatedChange = {}): FederatedLearningJobFields {
    return {
      model: `${this.name}-model`,
      aggregation: { templateDigest: 'a', node: this.cloud.name, strategy: 'FedAvg', parameters: {} },
      clients: this.clients.map((_, i) => ({ templateDigest: 't', dataset: `${this.name}-data-${i}` })),
      rounds: { total: 3, late: 'Discard', ...rounds },
      training: {},
      selection: { strategy: 'All', parameters: {}, seed: 7 },
      evaluation: { every: 1, where: 'Clients', label: 'label', loss: 'softmaxCrossEntropy' },
      updates: {},
      keepWarm: true,
      transmitter: 'ws',
      ...change,
    };
  }

  async start(nodes: ScriptedNode[] = [...this.clients, this.cloud]): Promise<this> {
    await Promise.all(
      nodes.map(async (node) => {
        await node.start();
        await node.register();
      }),
    );
    return this;
  }

  /** A node beside these; whoever asks for it stops it. */
  async another(name: string): Promise<ScriptedNode> {
    const node = await this.#equip(new ScriptedNode(this.temporal, name)).start();
    await node.register();
    return node;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.clients, this.cloud].map((node) => node.stop()));
  }

  async applyJob(change: FederatedChange = {}, message: Partial<ApplyMessage> = {}): Promise<void> {
    const fields = this.fields(change);
    const manifest = await this.blobs.put(JSON.stringify(fields));
    await this.temporal.apply(this.ref, { fields, manifest, ...message });
  }

  async applyModel(): Promise<void> {
    const fields = { url: `${this.cloud.directory}/model.onnx`, format: 'onnx', devices: [] };
    await this.temporal.apply({ kind: 'Model', namespace: 'default', name: `${this.name}-model` }, { fields });
  }

  async applyDataset(index: number): Promise<void> {
    const node = this.clients[index];
    if (node === undefined) throw new Error(`no client ${index}`);
    node.samples(0, 10 * (index + 1));
    const fields = { url: node.dataset, format: 'txt', nodeName: node.name };
    const ref = { kind: 'Dataset', namespace: 'default', name: `${this.name}-data-${index}` };
    await this.temporal.apply(ref, { fields });
  }

  async applyAll(change: FederatedChange = {}, message: Partial<ApplyMessage> = {}): Promise<void> {
    this.imported ??= { weights: await this.blobs.put('weights 0'), file: await this.blobs.put('file 0') };
    await Promise.all([
      this.applyModel(),
      this.applyJob(change, message),
      ...this.clients.map((_, i) => this.applyDataset(i)),
    ]);
  }

  /** Its status once it matches. */
  async status(expected: Record<string, unknown>, boundMs?: number): Promise<Record<string, unknown>> {
    const { status } = await this.temporal.view(
      this.ref,
      // Of what is expected only: to say how thousands of clients differ would take minutes.
      ({ status: all }) => {
        const shown = Object.keys(expected).map((key) => [key, all[key]]);
        assert.partialDeepStrictEqual(Object.fromEntries(shown), expected);
      },
      boundMs,
    );
    return status;
  }

  async update({ identity: { client, round, turn }, evaluate }: TrainClientInput): Promise<TrainClientResult> {
    const blob = await this.blobs.put(`update ${client} ${round}${turn === undefined ? '' : ` ${turn}`}`);
    const samples = 10 * (Number(client) + 1);
    const evaluation = evaluate ? { evaluation: { accuracy: 0.5 + round / 10 } } : {};
    return { accepted: { client, node: `${this.name}-${Number(client)}`, blob, samples, metrics: {}, ...evaluation } };
  }

  /** The aggregation, by default that of the strategy Worker, fails until `mended`: its node tells why, and Temporal tries again. */
  byAggregator(
    mended: (input: AggregateInput) => boolean,
    problem = { reason: 'AggregatorFailed', message: 'job-aggregation: exit code 3' },
  ): void {
    this.onAggregate = async (input) => (mended(input) ? {} : this.failing(input, problem));
  }

  /** As a node that aggregates fails: it tells why, and Temporal tries again. */
  async failing(
    { round, listener }: { round: number; listener?: AggregatorListener | undefined },
    problem: { reason: string; message: string },
  ): Promise<never> {
    const { workflowId = '', uid = '', slot = '', generation } = listener ?? {};
    const value = { round, node: this.cloud.name, generation, problem };
    await signallerOf(this.temporal.client).observed(workflowId, { slot, uid, value });
    throw ApplicationFailure.create({ type: problem.reason, message: problem.message });
  }

  get blobs(): BlobStore {
    return this.cloud.blobs;
  }

  #equip(node: ScriptedNode): ScriptedNode {
    return Object.assign(node, { moreResidents: this.#residents(), moreWork: this.#work() });
  }

  #residents(): FederatedResidentActivities {
    return {
      trainClient: (input) => {
        this.tasks.push(input);
        return beating(async () => this.answer(input));
      },
      dismissClients: async ({ workers, aggregator }) => {
        this.dismissed.push(...workers);
        if (aggregator !== undefined) this.aggregators.push(aggregator);
      },
    };
  }

  #work(): FederatedEdgeActivities {
    return {
      checkStrategy: async (input) => {
        this.checks.push(input);
        return this.onCheck(input);
      },
      evaluateModel: async (input) => {
        this.evaluations.push(input);
        return this.onEvaluate(input);
      },
      inspectCut: async (input) => {
        this.cuts.push(input);
        return this.onCut(input);
      },
      trainHead: async (input) => {
        this.heads.push(input);
        const weights = await this.blobs.put(`head of ${input.updates.map(({ blob }) => blob.sha256).join()}`);
        return { weights, file: await this.blobs.put(`file of ${weights.sha256}`), metrics: { loss: 0.5 } };
      },
      importModel: async (input) => {
        await this.beforeImport(input);
        return this.onImport(input.model.url);
      },
      aggregate: async (input) => {
        this.aggregations.push(input);
        const given = await this.onAggregate(input);
        // What a real one must keep too: the result follows from the weights and the updates in their order.
        const hash = createHash('sha256').update(input.weights.sha256);
        for (const { blob, samples } of input.updates) hash.update(`${blob.sha256} ${samples}`);
        const weights = await this.blobs.put(`weights ${input.round} ${hash.digest('hex')}`);
        const file = input.file === undefined ? {} : { file: await this.blobs.put(`file of ${weights.sha256}`) };
        return { weights, ...file, left: [], metrics: {}, ...given };
      },
    };
  }
}
