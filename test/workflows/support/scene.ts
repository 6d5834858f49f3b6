import type { IncrementalLearningJobFields } from '../../../crds/fields.ts';
import type { ScriptedNode } from './edge.ts';
import type { TestNamespace } from './namespace.ts';

export type JobChange = Omit<Partial<IncrementalLearningJobFields>, 'train' | 'deploy'> & {
  threshold?: number;
  trainTimer?: { start: string; end: string };
  train?: Partial<IncrementalLearningJobFields['train']>;
  deploy?: Partial<IncrementalLearningJobFields['deploy']>;
};

/** An incremental job with its Dataset and Models, all of names of its own, on one scripted node. */
export class Scene {
  readonly temporal: TestNamespace;
  readonly node: ScriptedNode;
  readonly name: string;
  #generations = 0;

  constructor(temporal: TestNamespace, node: ScriptedNode, name: string) {
    this.temporal = temporal;
    this.node = node;
    this.name = name;
  }

  get ref() {
    return { kind: 'IncrementalLearningJob', namespace: 'default', name: this.name };
  }

  ofKind(kind: string, suffix: string) {
    return { kind, namespace: 'default', name: `${this.name}-${suffix}` };
  }

  fields(change: JobChange = {}): IncrementalLearningJobFields {
    const { threshold = 8, trainTimer, train, deploy, ...rest } = change;
    const condition = { operator: '>=' as const, metric: 'num_of_samples', threshold };
    return {
      dataset: `${this.name}-data`,
      trainProb: 0.8,
      initialModel: `${this.name}-initial`,
      deployModel: `${this.name}-deployed`,
      hotUpdate: false,
      pollPeriodSeconds: 1,
      outputDir: `${this.node.directory}/output/`,
      eval: { templateDigest: 'e' },
      ...rest,
      train: {
        templateDigest: 't',
        trigger: { condition, ...(trainTimer === undefined ? {} : { timer: trainTimer }) },
        ...train,
      },
      deploy: {
        templateDigest: 'd',
        trigger: { condition: { operator: '>', metric: 'accuracy_delta', threshold: 0 } },
        hardExampleMining: { name: 'IBT', parameters: [] },
        ...deploy,
      },
    };
  }

  async applyJob(change: JobChange = {}): Promise<void> {
    this.#generations += 1;
    const manifest = await this.node.blobs.put(JSON.stringify({ name: this.name, generation: this.#generations }));
    await this.temporal.apply(this.ref, { fields: this.fields(change), manifest });
  }

  async applyDataset(): Promise<void> {
    const fields = { url: this.node.dataset, format: 'txt', nodeName: this.node.name };
    await this.temporal.apply(this.ofKind('Dataset', 'data'), { fields });
  }

  async applyModels(): Promise<void> {
    for (const suffix of ['initial', 'deployed']) {
      const fields = { url: `${this.node.directory}/${suffix}.onnx`, format: 'onnx', devices: [] };
      await this.temporal.apply(this.ofKind('Model', suffix), { fields });
    }
  }

  async applyAll(change: JobChange = {}): Promise<void> {
    await Promise.all([this.applyDataset(), this.applyModels(), this.applyJob(change)]);
  }

  say(verb: string): Promise<void> {
    return this.temporal.signal(this.ref, verb);
  }
}
