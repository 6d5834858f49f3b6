/** The local controller's side of fronts: which replicas each one spreads requests over, and what it says of them. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { FrontLaunch, WorkerLaunch } from '../../../activities/edge/runtime.ts';
import {
  controlPort,
  frontVariables,
  replicaFile,
  type FrontStats,
  type Replica,
  type ReplicaList,
} from '../../front/protocol.ts';
import { frontImage, frontStage } from './built-in.ts';
import type { Supervised } from './supervised.ts';

const askMs = 1_000;
const lookMs = 50;
/** For a replica to answer what it has; with its own grace (10 s) no more than the 30 s that Kubernetes gives. What takes longer is cut. */
const releaseMs = 20_000;

export class Fronts {
  readonly #stateDir: string;
  readonly #workers: () => Iterable<Supervised>;
  readonly #written = new Map<string, ReplicaList>();

  constructor(stateDir: string, workers: () => Iterable<Supervised>) {
    this.#stateDir = stateDir;
    this.#workers = workers;
  }

  /** Tells the front where requests may go now. A full disk must not end anything: the next change tries again. */
  update(front: string): void {
    const directory = frontDirectory(this.#stateDir, front);
    const before = this.#written.get(front) ?? readList(join(directory, replicaFile));
    const replicas = replicasOf(front, this.#workers());
    if (JSON.stringify(replicas) === JSON.stringify(before.replicas)) return;
    const list: ReplicaList = { version: before.version + 1, replicas };
    try {
      mkdirSync(directory, { recursive: true });
      const file = join(directory, replicaFile);
      writeFileSync(`${file}.new`, JSON.stringify(list));
      renameSync(`${file}.new`, file);
      this.#written.set(front, list);
      void this.ask(front);
    } catch (error) {
      process.emitWarning(`the replicas of ${front} could not be written: ${String(error)}`);
    }
  }

  /** Has it read the newest list, and say what it counts; undefined while it does not answer. */
  async ask(front: string): Promise<FrontStats | undefined> {
    const port = this.#find(front)?.record.ports[controlPort];
    if (port === undefined) return undefined;
    try {
      const signal = AbortSignal.timeout(askMs);
      const answer = await fetch(`http://127.0.0.1:${port}/reload`, { method: 'POST', signal });
      return (await answer.json()) as FrontStats;
    } catch {
      return undefined;
    }
  }

  /** Resolves once the front gives this worker nothing more and waits for no answer of it; at the latest after a bound. */
  async released(front: string, worker: string): Promise<void> {
    const version = this.#written.get(front)?.version ?? 0;
    const deadline = performance.now() + releaseMs;
    while (performance.now() < deadline && this.#find(front)?.view.state === 'running') {
      const stats = await this.ask(front);
      if (stats !== undefined && stats.version >= version && (stats.inFlight[worker] ?? 0) === 0) return;
      await delay(lookMs);
    }
  }

  #find(front: string): Supervised | undefined {
    for (const worker of this.#workers()) if (worker.record.launch.name === front) return worker;
    return undefined;
  }
}

/** A front is a worker like others, with a port more for its local controller. */
export function launchOfFront(
  stateDir: string,
  { name, owner, ports, http, bind }: FrontLaunch,
  silentSeconds?: number,
): WorkerLaunch {
  const silent: Record<string, string> =
    silentSeconds === undefined ? {} : { [frontVariables.silentSeconds]: String(silentSeconds) };
  return {
    name,
    owner,
    stage: frontStage,
    image: frontImage,
    args: [],
    env: {},
    contract: {
      [frontVariables.directory]: frontDirectory(stateDir, name),
      [frontVariables.host]: bind,
      [frontVariables.http]: http,
      ...silent,
    },
    ports: [...ports, { name: controlPort, containerPort: 1 }],
    portsVariable: frontVariables.ports,
    readiness: { path: '/stats', port: controlPort },
    restart: 'Always',
    revision: JSON.stringify([ports.map((port) => port.name), http, bind, ...Object.values(silent)]),
  };
}

export function removeFrontDirectory(stateDir: string, front: string): void {
  rmSync(frontDirectory(stateDir, front), { recursive: true, force: true });
}

function frontDirectory(stateDir: string, front: string): string {
  return join(stateDir, 'fronts', front);
}

/** Those that are ready; when none is, those that were and still run. */
function replicasOf(front: string, workers: Iterable<Supervised>): Replica[] {
  const [ready, doubtful]: [Replica[], Replica[]] = [[], []];
  for (const { record, takesRequests } of workers) {
    if (record.launch.front !== front) continue;
    const replica = { name: record.launch.name, ports: record.ports };
    if (takesRequests === 'yes') ready.push(replica);
    if (takesRequests === 'maybe') doubtful.push(replica);
  }
  const chosen = ready.length > 0 ? ready : doubtful;
  return chosen.sort((a, b) => a.name.localeCompare(b.name));
}

function readList(file: string): ReplicaList {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ReplicaList;
  } catch {
    return { version: 0, replicas: [] };
  }
}
