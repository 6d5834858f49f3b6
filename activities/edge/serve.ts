/** Worker sets on a node: the front of a set, and replicas that go. The replicas themselves are kept by `serveWorker`. */
import type { DrainWorkersInput, FrontObservation, KeepFrontInput, WorkerSetResidents } from '../contracts.ts';
import { checkModel } from './check-model.ts';
import { createDeferredActivities } from './deferred-answers.ts';
import { Autoscaler, quantity, targetsOf } from './lib/autoscaling.ts';
import { News } from './lib/news.ts';
import { beating } from './lib/resident.ts';
import { servingPorts } from './lib/serving-ports.ts';
import { readContainer, type Container } from './lib/template.ts';
import type { WorkerRuntime, WorkerView } from './runtime.ts';
import type { WorkerDependencies } from './worker.ts';

const sampleMs = 1_000;
const firstReadyMs = 15_000;
const loopback = { address: '127.0.0.1', bind: '127.0.0.1' };

export function createWorkerSetActivities(deps: WorkerDependencies): WorkerSetResidents {
  return {
    keepFront: (input) => keepFront(deps, input),
    drainWorkers: ({ workers }: DrainWorkersInput) =>
      beating(async () => void (await Promise.all(workers.map((name) => deps.runtime.drain(name))))),
    checkModel: (input) => beating((signal) => checkModel(deps, input, signal)),
    ...createDeferredActivities(deps),
  };
}

async function keepFront(deps: WorkerDependencies, { listener, front, autoscaling }: KeepFrontInput): Promise<void> {
  const { runtime, node } = deps;
  const container = await readContainer(deps.blobs, front);
  const { ports, http } = servingPorts(container, front.always ?? false);
  const news = new News<FrontObservation>(deps.signaller, listener);
  const scaler = autoscaling && scalerOf(autoscaling, container, replicasOf(runtime, front.name).length);
  const measured = scaler instanceof Autoscaler ? scaler : undefined;
  let leave = (): void => undefined;
  try {
    await beating(async (signal) => {
      let tell = (): void => news.tell({ node, state: 'none', endpoints: [] });
      if (http !== undefined) {
        const { address, bind } = deps.services ?? loopback;
        await runtime.ensureFront({ name: front.name, owner: front.owner, ports, http, bind });
        const names = ports.map(({ name }) => name);
        tell = () => {
          const view = runtime.get(front.name);
          if (view !== undefined) news.tell({ ...observationOf(view, node, address, names), ...wish(measured) });
        };
        leave = runtime.watch(front.name, tell);
      } else tell();
      if (scaler instanceof Error) {
        // Requests are answered all the same: the front is there before anybody hears of a metric that nobody knows.
        await readyOnce(runtime, front.name);
        await news.flush();
        throw scaler;
      }
      if (measured !== undefined) await scale(runtime, front.name, measured, tell, signal);
      return new Promise<never>(() => undefined);
    });
  } finally {
    // Detaches only: the front goes on, and the next attempt finds it running.
    leave();
    news.close();
  }
}

function wish(scaler: Autoscaler | undefined): Pick<FrontObservation, 'replicas'> {
  return scaler === undefined ? {} : { replicas: scaler.wanted };
}

function observationOf(view: WorkerView, node: string, address: string, names: string[]): FrontObservation {
  const state = view.problem !== undefined ? 'failing' : view.ready ? 'ready' : 'starting';
  const endpoints = view.endpoints
    .filter(({ name }) => names.includes(name))
    .map(({ name, url }) => ({ name, url: reachedAs(url, address) }));
  return { node, state, endpoints, ...(view.problem === undefined ? {} : { problem: view.problem }) };
}

function reachedAs(url: string, address: string): string {
  const { port } = new URL(url);
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Goes on from what runs: the end of a local controller or an edit must not set a busy service back. */
function scalerOf(
  { spec, path, replicas }: NonNullable<KeepFrontInput['autoscaling']>,
  container: Container,
  running: number,
): Autoscaler | Error {
  const resources = container['resources'] as { requests?: { cpu?: unknown } } | undefined;
  const request = quantity(resources?.requests?.cpu ?? 1);
  try {
    return new Autoscaler(spec, targetsOf(spec, request > 0 ? request : 1, path), running || replicas);
  } catch (error) {
    return error as Error;
  }
}

async function readyOnce(runtime: WorkerRuntime, front: string): Promise<void> {
  const deadline = performance.now() + firstReadyMs;
  while (runtime.get(front)?.ready === false && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function replicasOf(runtime: WorkerRuntime, front: string): WorkerView[] {
  return runtime.list().filter((view) => view.front === front);
}

/** Measures until the activity ends. */
async function scale(
  runtime: WorkerRuntime,
  front: string,
  scaler: Autoscaler,
  tell: () => void,
  signal: AbortSignal,
): Promise<void> {
  const used = new Map<string, { at: number; seconds: number }>();
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, sampleMs));
    const replicas = replicasOf(runtime, front).filter(({ ready }) => ready);
    const load = await runtime.load(front);
    if (load === undefined) continue;
    const at = performance.now();
    let cpu = 0;
    const spent = runtime.cpuSeconds(replicas.map(({ name }) => name));
    for (const { name, pid } of replicas) {
      const seconds = spent.get(name);
      const key = `${name} ${pid}`;
      const before = used.get(key);
      if (seconds === undefined) continue;
      if (before !== undefined) cpu += Math.max(0, seconds - before.seconds) / ((at - before.at) / 1_000);
      used.set(key, { at, seconds });
    }
    const inFlight = Object.values(load.inFlight).reduce((sum, value) => sum + value, 0);
    const before = scaler.wanted;
    if (scaler.add({ at, replicas: replicas.length, cpu, inFlight }) !== before) tell();
  }
}
