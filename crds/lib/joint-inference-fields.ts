import type { JointInferenceServiceSpec } from '../joint-inference-service.ts';
import type { Deferred, MiningMode } from './joint-inference.ts';
import type { HardExampleMining } from './key-value.ts';
import type { Autoscaling } from './kubernetes.ts';
import { workerFields } from './worker-fields.ts';
import type { WorkerFields } from './worker-fields.ts';

/** A set of equal workers, as its workflow plans with it. */
export interface WorkerSetFields extends WorkerFields {
  replicas: number;
  /** The runtime of the node judges the metrics: runtimes know different ones. */
  autoscaling?: Autoscaling;
}

/** A set that asks the next one about what is hard for its own model. */
export type AskingSetFields = WorkerSetFields & { model: string; hardExampleMining: HardExampleMining };
export type TierFields = AskingSetFields & { name: string };

export interface JointInferenceServiceFields {
  edge: AskingSetFields;
  cloud: WorkerSetFields & { model: string };
  /** From the edge towards the cloud; absent: none. */
  tiers?: TierFields[];
  mode?: MiningMode;
  deferred?: Deferred;
  hardExamples?: { dataset: string };
}

export function jointInferenceServiceFields(spec: JointInferenceServiceSpec): JointInferenceServiceFields {
  const { edgeWorker, cloudWorker, tiers = [], mode, deferred, hardExamples } = spec;
  return {
    edge: askingFields(edgeWorker),
    cloud: { ...setFields(cloudWorker), model: cloudWorker.model.name },
    ...(tiers.length > 0 && { tiers: tiers.map((tier) => ({ name: tier.name, ...askingFields(tier) })) }),
    ...(mode && { mode }),
    ...(deferred && { deferred }),
    ...(hardExamples && { hardExamples: { dataset: hardExamples.dataset.name } }),
  };
}

function askingFields(worker: JointInferenceServiceSpec['edgeWorker']): AskingSetFields {
  return { ...setFields(worker), model: worker.model.name, hardExampleMining: worker.hardExampleMining };
}

/** An autoscaler begins with its least number of workers unless the manifest says how many. */
function setFields({ template, replicas, hpa }: JointInferenceServiceSpec['cloudWorker']): WorkerSetFields {
  return {
    ...workerFields(template),
    replicas: replicas ?? hpa?.minReplicas ?? 1,
    ...(hpa && { autoscaling: hpa }),
  };
}
