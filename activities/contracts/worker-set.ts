/** What a set of equal workers asks of its node. Types only; wire contracts like those of `contracts.ts`. */
import type { TensorInfo } from '../../sdk/tensor.ts';
import type { Autoscaling } from '../../crds/lib/kubernetes.ts';
import type { Owner } from '../../workflows/lib/ids.ts';
import type { Problem } from '../../workflows/lib/failures.ts';
import type { BlobRef } from '../../sdk/storage/blob-store.ts';
import type { Listener, ModelSource } from '../contracts.ts';

/** How a replica is reached; in its {@link WorkerSpec}. */
export interface Serving {
  /** Which set of its owner it belongs to, a folder name: `edge`, `cloud`, `tier-<name>`. */
  role: string;
  /** Name of the front that gives it requests. */
  front: string;
  /** Contract variables that hold the port where it must listen, besides `SEDNA_SERVE_PORT`. */
  portVariables?: string[];
  /** It must listen even where its template names no port. */
  always?: boolean;
}

export interface FrontSpec extends Pick<Serving, 'role' | 'always'> {
  name: string;
  owner: Owner;
  manifest: BlobRef;
  /** Path of the PodTemplateSpec of the replicas in the manifest: its ports are those of the front. */
  template: string;
}

export interface KeepFrontInput {
  listener: Listener;
  front: FrontSpec;
  /** Of the manifest, with the path of the field for errors; absent: nobody counts. */
  autoscaling?: { spec: Autoscaling; path: string; replicas: number };
}

export interface FrontObservation {
  node: string;
  /** `none`: the template names no port, so there is nothing to be in front of. */
  state: 'starting' | 'ready' | 'failing' | 'none';
  /** As other nodes reach it. */
  endpoints: { name: string; url: string }[];
  /** Replicas that the autoscaler wants. */
  replicas?: number;
  problem?: Problem;
}

/** What the process of a service worker has counted since it started; in slot `metrics of <worker>`. */
export interface ServiceMetrics {
  values: Record<string, number | string>;
  /** Of the process: another one counts from zero. */
  startedAt?: string;
}

export interface DrainWorkersInput {
  owner: Owner;
  workers: string[];
}

export interface CheckModelInput {
  model: ModelSource;
  /** Whose template says which execution providers it asks for. */
  worker: { manifest: BlobRef; template: string };
}

/** `problem`: it does not fit this node; it is not given to a worker. `inputs`: what an ONNX file takes, where a ready-made worker serves it. */
export interface ModelVerdict {
  problem?: Problem;
  inputs?: TensorInfo[];
}

/** Which set of which service. */
export interface StateOfSet {
  owner: Owner;
  role: string;
}

/** A store of deferred answers, as it was when its last user ended. */
export interface DeferredStoreFiles {
  files: { name: string; blob: BlobRef }[];
}

/** Activities of an LC on `edge/<node>/resident`. */
export interface WorkerSetResidents {
  /** Keeps the front of a set running; signals each change of where it is reached and of what the autoscaler wants. */
  keepFront(input: KeepFrontInput): Promise<void>;
  /** No new request goes to these workers; they are stopped once they have answered what they have. Bounded. Repeatable. */
  drainWorkers(input: DrainWorkersInput): Promise<void>;
  /**
   * Puts the deferred answers that a set left on this node into the blob store; none: it left none. Repeatable until `dropDeferred`.
   * `isBack`: the set works here again, so only what was packed before has to move.
   */
  packDeferred(input: StateOfSet & { isBack: boolean }): Promise<DeferredStoreFiles[]>;
  /** Lays packed stores out for the workers of the set on this node, which take them in. Repeatable. */
  unpackDeferred(input: StateOfSet & { stores: DeferredStoreFiles[] }): Promise<void>;
  /** Forgets what was packed: it is elsewhere now. */
  dropDeferred(input: StateOfSet): Promise<void>;
  /** Whether the node can run a model, judged before a worker is given it. */
  checkModel(input: CheckModelInput): Promise<ModelVerdict>;
}
