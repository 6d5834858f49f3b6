/** Puts a new model into service on the inference node: the files of the Models, then a hot update or a restart. */
import { basename, extname, join } from 'node:path';
import type { BlobRef, DeployModelInput, DeployResult, ModelSource, ResidentActivities } from '../contracts.ts';
import { copyFileAtomic, isLocal, localPath } from '../../sdk/storage/index.ts';
import type { ReceivedReport } from '../../sdk/worker/protocol.ts';
import { failure } from '../lib/failure.ts';
import { heldUp } from './lib/held-up.ts';
import { keepFormer, type FormerFile } from './lib/former-file.ts';
import { hotUpdateDirectory, hotUpdateFile, writeHotUpdate } from './lib/hot-update.ts';
import { beating } from './lib/resident.ts';
import { fetchModel } from './model-files.ts';
import type { WorkerView } from './runtime.ts';
import type { WorkerDependencies } from './worker.ts';

/** Beyond the poll period of a hot update: loading, reporting. */
const loadMs = 60_000;

/** A worker without readiness probe has loaded its model when it has stayed up for so long. */
const settleMs = 5_000;

/**
 * Idempotent: files are replaced by equal content, and a repeated update or restart serves the same model again. What served before is
 * put back when the worker does not get along with the new model.
 */
export function createDeployActivities(deps: WorkerDependencies): Pick<ResidentActivities, 'deployModel'> {
  return {
    deployModel: (input) =>
      heldUp(deps.signaller, { listener: input.listener, round: input.round ?? 0, stage: 'Deploy' }, () =>
        beating(() => deployModel(deps, input)),
      ),
  };
}

async function deployModel(deps: WorkerDependencies, input: DeployModelInput): Promise<DeployResult> {
  const targets = input.urls.map(targetOf);
  if (input.hotUpdate === undefined) {
    let isRestarted = false;
    await orAsBefore(targets, input, async () => {
      for (const target of targets) await place(deps, input.model, target);
      isRestarted = true;
      await restart(deps, input);
    }).catch(async (error: unknown) => {
      // With the model that it had; how it does is told by whoever serves it.
      if (isRestarted) await deps.runtime.restart(input.worker).catch(() => undefined);
      throw error;
    });
    return { node: deps.node };
  }
  const config = await hotUpdate(deps, input);
  // Who starts with them is given what is known to load.
  for (const target of targets) await place(deps, input.model, target);
  return { node: deps.node, config };
}

/** Puts the files back as they were when the act fails. */
async function orAsBefore<T>(paths: string[], { model, round }: DeployModelInput, act: () => Promise<T>): Promise<T> {
  const deployment = model.blob?.sha256.slice(0, 12) ?? `round-${round ?? 0}`;
  const former: FormerFile[] = [];
  for (const path of paths) former.push(await keepFormer(path, deployment));
  try {
    const result = await act();
    for (const file of former) await file.forget();
    return result;
  } catch (error) {
    for (const file of former) await file.putBack();
    throw error;
  }
}

function targetOf(url: string): string {
  if (isLocal(url)) return localPath(url);
  throw failure('InvalidSpec', `the Model's url ${url} cannot be written: only files of the node so far`);
}

/** Readers of the path see the old model or the new one, never a part. */
async function place({ blobs }: WorkerDependencies, { blob, url }: ModelSource, target: string): Promise<void> {
  if (blob !== undefined) await fetchModel(blobs, { url, blob }, target);
  else await copyFileAtomic(localPath(url), target);
}

async function hotUpdate(deps: WorkerDependencies, input: DeployModelInput): Promise<string> {
  const directory = hotUpdateDirectory(deps.stateDir, input.owner);
  const file = modelName(input.model);
  await place(deps, input.model, join(directory, file));
  // A worker that starts later would begin with what it names.
  return orAsBefore([join(directory, hotUpdateFile)], input, () => announce(deps, input, directory, file));
}

async function announce(
  deps: WorkerDependencies,
  input: DeployModelInput,
  directory: string,
  file: string,
): Promise<string> {
  const { runtime } = deps;
  // Told by what was there before, not by the time: a clock may be set meanwhile.
  const before = runtime.get(input.worker)?.reports['deploy'];
  const config = await writeHotUpdate(directory, file);
  const bound = (input.hotUpdate?.pollPeriodSeconds ?? 0) * 1_000 + loadMs;
  const view = await settled(
    deps,
    input.worker,
    bound,
    ({ reports: { deploy } }) => deploy !== undefined && deploy !== before && concerns(deploy.report, file),
  );
  const report = runtime.get(input.worker)?.reports['deploy']?.report;
  if (view === undefined) {
    throw failure(
      'HotUpdateFailed',
      `${input.worker} did not report within ${bound / 1_000} s that it loaded the new model`,
    );
  }
  if (report?.status !== 'completed') {
    throw failure(
      'HotUpdateFailed',
      `${input.worker} could not load the new model: ${report?.message ?? 'see its log'}`,
    );
  }
  return config;
}

/** A worker that was restarted meanwhile may report the model before this one; images that name no model are believed. */
function concerns({ results }: ReceivedReport, model: string): boolean {
  const loaded = results[0]?.url ?? '';
  return loaded === '' || basename(loaded) === model;
}

async function restart(deps: WorkerDependencies, input: DeployModelInput): Promise<void> {
  await deps.runtime.restart(input.worker);
  const failed = ({ problem }: WorkerView): boolean => problem !== undefined && problem.reason !== 'WorkerNotReady';
  const view = await settled(deps, input.worker, loadMs, (worker) => worker.ready || failed(worker));
  const end = view?.ready === true ? await endOf(deps, view) : (view ?? deps.runtime.get(input.worker));
  if (view?.ready === true && end === undefined) return;
  const why = end?.problem?.message ?? `it was not ready within ${loadMs / 1_000} s`;
  throw failure('WorkerFailed', `${input.worker} was restarted with the new model, but ${why}; the former one is back`);
}

/**
 * How a worker that cannot be asked whether it is ready has ended twice, each time soon after its start; undefined: it stays. Once may be
 * somebody's doing.
 */
async function endOf(deps: WorkerDependencies, { name, pid, probed }: WorkerView): Promise<WorkerView | undefined> {
  if (probed) return undefined;
  const isOther = (now: WorkerView): boolean => now.pid !== pid;
  const end = await settled(deps, name, settleMs, isOther);
  if (end === undefined) return undefined;
  const next = await settled(deps, name, settleMs, (now) => now.pid !== undefined && isOther(now));
  return next === undefined ? end : settled(deps, name, settleMs, (now) => now.pid !== next.pid);
}

/** The worker once `done` holds; undefined when it does not within the bound. */
async function settled(
  { runtime }: WorkerDependencies,
  name: string,
  boundMs: number,
  done: (view: WorkerView) => boolean,
): Promise<WorkerView | undefined> {
  let leave = (): void => undefined;
  try {
    return await new Promise((resolve) => {
      const timer = setTimeout(() => resolve(undefined), boundMs);
      leave = runtime.watch(name, (view) => {
        if (view === undefined || !done(view)) return;
        clearTimeout(timer);
        resolve(view);
      });
    });
  } finally {
    leave();
  }
}

/** A name per content, so that a worker that still reads the last model never sees it change. */
function modelName({ url, blob }: { url: string; blob?: BlobRef }): string {
  const extension = extname(url);
  return blob === undefined ? basename(url) : `${basename(url, extension)}-${blob.sha256.slice(0, 12)}${extension}`;
}
