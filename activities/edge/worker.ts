/** Workers on a node: one that computes a stage, one that serves. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { mkdir, stat } from 'node:fs/promises';
import type {
  EdgeActivities,
  HotUpdateTarget,
  ReportedModel,
  ResidentActivities,
  RunWorkerInput,
  RunWorkerResult,
  WorkerObservation,
  WorkerSpec,
} from '../contracts.ts';
import { isLocal, localPath, type BlobStore } from '../../sdk/storage/index.ts';
import type { ReceivedReport } from '../../sdk/worker/protocol.ts';
import { failure, namingFullDisk, saysDiskFull } from '../lib/failure.ts';
import type { EntitySignaller } from '../lib/signaller.ts';
import { heldUp } from './lib/held-up.ts';
import { hotUpdateDirectory, hotUpdateEnvironment } from './lib/hot-update.ts';
import { News } from './lib/news.ts';
import { serviceMetrics, type ServiceMetrics } from './lib/service-metrics.ts';
import { noteOwner, setState } from './lib/service-state.ts';
import { beating, endingOf, until } from './lib/resident.ts';
import { readLaunch } from './lib/template.ts';
import { modelFile } from './model-files.ts';
import type { WorkerRuntime, WorkerView } from './runtime.ts';

export interface WorkerDependencies {
  node: string;
  /** Directory of the local controller's own files. */
  stateDir: string;
  /** Base URL of its HTTP API, as workers of this node reach it. */
  address: () => string;
  blobs: BlobStore;
  runtime: WorkerRuntime;
  signaller: EntitySignaller;
  /** Where the services of this node are reached from others, and where their ports are bound. Default: this machine only. */
  services?: { address: string; bind: string };
}

/** After its report a worker may tidy up for so long before it is stopped. */
const farewellMs = 30_000;
/** After a good end a report may still be on its way. */
const lateReportMs = 1_000;
/** Each telling is events in a history. */
const metricsSpacingMs = 5_000;
/** Restarts of a worker that fails again and again. */
const oftenTold = 16;

export function createWorkerActivities(
  deps: WorkerDependencies,
): Pick<EdgeActivities, 'runWorker'> & Pick<ResidentActivities, 'serveWorker'> {
  return {
    runWorker: (input) =>
      heldUp(deps.signaller, { listener: input.listener, round: input.round, stage: input.worker.stage }, () =>
        runWorker(deps, input),
      ),

    async serveWorker({ listener, worker, hotUpdate }) {
      const news = new News<WorkerObservation>(deps.signaller, listener);
      const counts = new News<ServiceMetrics>(
        deps.signaller,
        { ...listener, slot: `metrics of ${worker.name}` },
        { spacingMs: metricsSpacingMs },
      );
      let told: WorkerObservation | undefined;
      const tell = (view: WorkerView): void => {
        const observation = observationOf(deps.node, view);
        if (isWorthTelling(observation, told)) news.tell((told = observation));
        const metrics = worker.serving && serviceMetrics(view);
        if (metrics !== undefined) counts.tell(metrics);
      };
      try {
        await startService(deps, worker, hotUpdate).catch(async (error: unknown) => {
          news.tell(failedToStart(deps.node, worker.name, error));
          await news.flush();
          throw error;
        });
        await until<void>(() => deps.runtime.watch(worker.name, (view) => view !== undefined && tell(view)));
      } finally {
        // Detaches only: the worker goes on serving, and the next attempt finds it running.
        news.close();
        counts.close();
      }
    },
  };
}

async function startService(deps: WorkerDependencies, worker: WorkerSpec, hotUpdate?: HotUpdateTarget): Promise<void> {
  await namingFullDisk(async () => {
    // It must be there when the worker begins to watch it.
    if (hotUpdate !== undefined) await mkdir(hotUpdateDirectory(deps.stateDir, worker.owner), { recursive: true });
    await deps.runtime.ensure(await launchOf(deps, worker, hotUpdate));
  });
}

async function runWorker(deps: WorkerDependencies, input: RunWorkerInput): Promise<RunWorkerResult> {
  const { runtime, node, signaller } = deps;
  const { worker, listener, round, keepModels } = input;
  await runtime.ensure(await launchOf(deps, worker));
  const value = { running: true, round, stage: worker.stage, node, worker: worker.name };
  const news = new News(signaller, listener);
  try {
    const models = await beating(
      (interrupted) => resultOf(runtime, worker, interrupted, () => news.tell(value)),
      () => runtime.get(worker.name)?.progress,
    );
    return {
      node,
      models: keepModels ? await keep(deps.blobs, models) : models,
    };
  } catch (error) {
    if (error instanceof CancelledFailure && (await endingOf((id, run) => signaller.runs(id, run))) === 'wanted')
      await runtime.remove(worker.name);
    throw error;
  } finally {
    news.close();
  }
}

/** Joins the two ends of a worker, its report and its exit: the report is the result, the exit tells that none will come. */
async function resultOf(
  runtime: WorkerRuntime,
  worker: WorkerSpec,
  interrupted: AbortSignal,
  onRunning: () => void,
): Promise<ReportedModel[]> {
  const kind = worker.stage.toLowerCase();
  const view = await ended(runtime, worker.name, kind, onRunning);
  const report = view?.reports[kind]?.report;
  if (report?.status !== 'completed') {
    const problem = endedBadly(worker.name, view, report);
    // Such an end is no result: the next try starts the worker again.
    if (problem.type === 'DiskFull') await runtime.remove(worker.name);
    throw problem;
  }
  await gone(runtime, worker.name, interrupted);
  return report.results.map(({ format, url, metrics }) => ({ format, url, metrics }));
}

function endedBadly(
  name: string,
  view: WorkerView | undefined,
  report: ReceivedReport | undefined,
): ApplicationFailure {
  if (view?.noRoom !== undefined) return failure('DiskFull', `${name}: its report could not be kept: ${view.noRoom}`);
  if (report?.status === 'failed') return failedWith(`${name}: ${report.message ?? 'it reported that it failed'}`);
  if (view?.exit?.code === 0) {
    return failure('NoReport', `${name} ended with exit code 0 but did not report a result to its local controller`);
  }
  return failedWith(view?.problem?.message ?? `${name} was removed while it ran`);
}

function failedWith(message: string): ApplicationFailure {
  return failure(saysDiskFull(message) ? 'DiskFull' : 'WorkerFailed', message);
}

function ended(
  runtime: WorkerRuntime,
  name: string,
  kind: string,
  onRunning: () => void,
): Promise<WorkerView | undefined> {
  return new Promise((resolve) => {
    let late: NodeJS.Timeout | undefined;
    let leave = (): void => undefined;
    const finish = (view: WorkerView | undefined): void => {
      clearTimeout(late);
      resolve(view);
      queueMicrotask(() => leave());
    };
    leave = runtime.watch(name, (view) => {
      if (view?.state === 'running') onRunning();
      const verdict = verdictOn(view, kind);
      if (verdict === 'ended') finish(view);
      else if (verdict === 'late') late ??= setTimeout(() => finish(runtime.get(name)), lateReportMs);
    });
  });
}

/** `late`: it ended well, so a report may still arrive. */
function verdictOn(view: WorkerView | undefined, kind: string): 'going on' | 'late' | 'ended' {
  if (view === undefined) return 'ended';
  const status = view.reports[kind]?.report.status;
  if (status === 'completed' || status === 'failed') return 'ended';
  if (view.state !== 'exited') return 'going on';
  return view.exit?.code === 0 ? 'late' : 'ended';
}

/** Waits for the end of a worker that has reported; one that stays on is stopped. */
async function gone(runtime: WorkerRuntime, name: string, interrupted: AbortSignal): Promise<void> {
  let leave = (): void => undefined;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, farewellMs);
    interrupted.addEventListener('abort', () => resolve(), { once: true });
    leave = runtime.watch(name, (view) => {
      if (view === undefined || view.state === 'exited') resolve();
    });
  });
  clearTimeout(timer);
  leave();
  if (interrupted.aborted) return;
  if (runtime.get(name)?.state !== 'exited') await runtime.remove(name);
}

/**
 * The library of the original reports a TensorFlow model twice, its file and the directory with its checkpoint: of two such the directory
 * stays where it is, and the next training on this node finds it there.
 */
async function keep(blobs: BlobStore, models: ReportedModel[]): Promise<ReportedModel[]> {
  const directories = await Promise.all(models.map(({ url }) => isDirectory(url)));
  const only = directories.every(Boolean);
  return Promise.all(models.map(async (model, i) => (directories[i] && !only ? model : keepModel(blobs, model))));
}

async function isDirectory(url: string): Promise<boolean> {
  if (!isLocal(url)) return false;
  return stat(localPath(url)).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function keepModel(blobs: BlobStore, model: ReportedModel): Promise<ReportedModel> {
  if (!isLocal(model.url)) return model;
  try {
    return { ...model, blob: await namingFullDisk(() => blobs.put({ file: localPath(model.url) })) };
  } catch (error) {
    if (error instanceof ApplicationFailure) throw error;
    throw failure(
      'ModelUnreadable',
      `the worker reported the model ${model.url}, which cannot be read: ${(error as Error).message}`,
      error,
    );
  }
}

export async function launchOf(
  deps: WorkerDependencies,
  worker: WorkerSpec,
  hotUpdate?: HotUpdateTarget,
): ReturnType<typeof readLaunch> {
  const contract: Record<string, string> = {
    ...worker.env,
    WORKER_NAME: worker.name,
    LC_SERVER: deps.address(),
    // This runtime mounts nothing: paths in the environment are paths of the node, so there is no prefix to strip.
    DATA_PATH_PREFIX: '/.sedna-mounts-nothing',
    ...(worker.serving === undefined ? {} : { SEDNA_WORKER_STATE: await stateOfSet(deps, worker) }),
    ...(hotUpdate === undefined
      ? {}
      : hotUpdateEnvironment(hotUpdateDirectory(deps.stateDir, worker.owner), hotUpdate)),
  };
  for (const [variable, models] of Object.entries(worker.models ?? {})) {
    const paths: string[] = [];
    for (const model of models) paths.push(await modelFile(deps, model));
    contract[variable] = paths.join(';');
  }
  return readLaunch(deps.blobs, worker, contract);
}

/** A folder that the replicas of a set share, and that the next ones find: theirs as long as the owner lives. */
async function stateOfSet({ stateDir }: WorkerDependencies, { owner, serving }: WorkerSpec): Promise<string> {
  const path = setState(stateDir, owner, serving?.role ?? '');
  await namingFullDisk(async () => {
    await mkdir(path, { recursive: true });
    await noteOwner(stateDir, owner);
  });
  return path;
}

function observationOf(node: string, view: WorkerView): WorkerObservation {
  const state = view.state === 'exited' || view.problem !== undefined ? 'failing' : view.ready ? 'ready' : view.state;
  return {
    state,
    node,
    worker: view.name,
    ...(view.pid === undefined ? {} : { pid: view.pid }),
    restarts: view.restarts,
    endpoints: view.endpoints,
    ...(view.problem === undefined ? {} : { problem: view.problem }),
  };
}

/** Of a worker that fails again and again the first restarts are news, then each doubling of them: each is events in the history of its job. */
export function isWorthTelling(now: WorkerObservation, told: WorkerObservation | undefined): boolean {
  const goesOn = now.state === 'failing' && told?.state === 'failing' && now.problem?.reason === told.problem?.reason;
  return !goesOn || now.restarts <= oftenTold || now.restarts >= told.restarts * 2;
}

function failedToStart(node: string, worker: string, error: unknown): WorkerObservation {
  const reason = error instanceof ApplicationFailure ? (error.type ?? 'Error') : 'Error';
  const problem = { reason, message: error instanceof Error ? error.message : String(error) };
  return { state: 'failing', node, worker, restarts: 0, endpoints: [], problem };
}
