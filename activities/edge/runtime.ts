/** What edge activities need of a runtime. `workers/runtimes/` implements it: child processes now, Pods later. */
import type { ReceivedProgress, ReceivedReport } from '../../sdk/worker/protocol.ts';
import type { Owner } from '../../workflows/lib/ids.ts';
import type { Problem } from '../../workflows/lib/failures.ts';

/** A worker, ready to be started: the template with everything filled in. */
export interface WorkerLaunch {
  name: string;
  owner: Owner;
  /** Train, Eval, Inference. */
  stage: string;
  image: string;
  command?: string[];
  args: string[];
  /** Of the template. */
  env: Record<string, string>;
  /** Of the contract; wins over the template. */
  contract: Record<string, string>;
  ports: { name: string; containerPort: number }[];
  /** Without a path: somebody listens there. */
  readiness?: { path?: string; port: string | number };
  /** Variables that hold the number of a port, by its name. */
  portVariables?: Record<string, string>;
  /** Variable that holds all ports as JSON. */
  portsVariable?: string;
  /** The front that gives it requests. */
  front?: string;
  /** `Always`: restarted with back-off whenever it ends. `Never`: its end is its result. */
  restart: 'Always' | 'Never';
  /** Another revision replaces a running worker of the same name. */
  revision: string;
}

export interface WorkerExit {
  code?: number;
  signal?: string;
  /** It ended while no local controller watched: nobody knows how. */
  unseen?: boolean;
}

export interface WorkerView {
  name: string;
  owner: Owner;
  stage: string;
  image: string;
  state: 'starting' | 'running' | 'exited';
  /** `running` and its readiness probe, if it has one, has succeeded and not failed several times in a row since. */
  ready: boolean;
  /** It has a readiness probe; without one it is ready as soon as it runs. */
  probed?: boolean;
  pid?: number;
  startedAt?: string;
  restarts: number;
  endpoints: { name: string; url: string }[];
  exit?: WorkerExit;
  /** Why it cannot be started or keeps ending, with the last lines of its log. */
  problem?: Problem;
  log: string;
  /** Newest report per kind (train, eval, deploy, inference), with the time it was received (milliseconds). */
  reports: Record<string, { at: number; report: ReceivedReport }>;
  progress?: ReceivedProgress;
  /** Why its last report was not accepted: there was no room to keep it. */
  noRoom?: string;
  /** The front that gives it requests. */
  front?: string;
  /** It has ended, and is started again by itself. */
  comesBack?: true;
}

/** What owns the ports of a worker set on this node. */
export interface FrontLaunch {
  name: string;
  owner: Owner;
  /** Those of its replicas. */
  ports: WorkerLaunch['ports'];
  /** Name of the port that speaks HTTP. */
  http: string;
  /** Address to listen on. */
  bind: string;
}

/** What a front counts. */
export interface FrontLoad {
  /** Requests in flight by worker. */
  inFlight: Record<string, number>;
}

export interface WorkerRuntime {
  readonly kind: 'process' | 'kubernetes';
  /**
   * Makes it run: starts it, adopts it if it runs already with the same revision, replaces it if with another. A worker whose
   * end was seen is not started again (its result stands); one that was lost unseen is. Rejects with a failure of the
   * catalogue (ImageNotAllowed, InvalidTemplate) when it can never run here.
   */
  ensure(launch: WorkerLaunch): Promise<void>;
  /** Throws as `ensure` does when it can never run here, and starts nothing. */
  check(launch: WorkerLaunch): void;
  get(name: string): WorkerView | undefined;
  list(): WorkerView[];
  /** Calls back at once and on each change of that worker, until the returned function is called. */
  watch(name: string, listener: (worker: WorkerView | undefined) => void): () => void;
  /** Stops and starts a service worker again with its last launch. */
  restart(name: string): Promise<void>;
  /** Stops it, waits for its end (bounded, then by force), and forgets it. */
  remove(name: string): Promise<void>;
  /** Makes a front run: a worker of its name, whose endpoints stay the same for as long as its ports do. */
  ensureFront(launch: FrontLaunch): Promise<void>;
  /** Takes it out of what its front spreads requests over, waits until it has answered what it has (bounded), and removes it. */
  drain(name: string): Promise<void>;
  /** Undefined while that front does not answer. */
  load(front: string): Promise<FrontLoad | undefined>;
  /** Seconds of CPU that workers and the processes that they have started have used, by name; without those where it cannot be told. */
  cpuSeconds(names: readonly string[]): Map<string, number>;
  /** Whether a worker that runs, or is to run again, was given this path. */
  uses(path: string): boolean;
  removeOwner(uid: string): Promise<void>;
  owners(): Owner[];
}
