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

export interface JointInferenceServiceFields {
  edge: WorkerSetFields & { model: string; hardExampleMining: HardExampleMining };
  cloud: WorkerSetFields & { model: string };
  mode?: MiningMode;
  deferred?: Deferred;
  hardExamples?: { dataset: string };
}

export function jointInferenceServiceFields(spec: JointInferenceServiceSpec): JointInferenceServiceFields {
  const { edgeWorker, cloudWorker, mode, deferred, hardExamples } = spec;
  return {
    edge: {
      ...setFields(edgeWorker),
      model: edgeWorker.model.name,
      hardExampleMining: edgeWorker.hardExampleMining,
    },
    cloud: { ...setFields(cloudWorker), model: cloudWorker.model.name },
    ...(mode && { mode }),
    ...(deferred && { deferred }),
    ...(hardExamples && { hardExamples: { dataset: hardExamples.dataset.name } }),
  };
}

/** An autoscaler begins with its least number of workers unless the manifest says how many. */
function setFields({ template, replicas, hpa }: JointInferenceServiceSpec['cloudWorker']): WorkerSetFields {
  return {
    ...workerFields(template),
    replicas: replicas ?? hpa?.minReplicas ?? 1,
    ...(hpa && { autoscaling: hpa }),
  };
}
