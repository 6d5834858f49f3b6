/** Puts a new model into service on the inference node: the files of the Models, then a hot update or a restart. */
import { basename, extname, join } from 'node:path';
import type { BlobRef, DeployModelInput, DeployResult, ModelSource, ResidentActivities } from '../contracts.ts';
import { copyFileAtomic, isLocal, localPath } from '../../sdk/storage/index.ts';
import type { ReceivedReport } from '../../sdk/worker/protocol.ts';
import { failure } from '../lib/failure.ts';
import { heldUpByFullDisk } from './lib/disk-full.ts';
import { hotUpdateDirectory, writeHotUpdate } from './lib/hot-update.ts';
import { beating } from './lib/resident.ts';
import type { WorkerView } from './runtime.ts';
import type { WorkerDependencies } from './worker.ts';

/** Beyond the poll period of a hot update: loading, reporting. */
const loadMs = 60_000;

/** Idempotent: files are replaced by equal content, and a repeated update or restart serves the same model again. */
export function createDeployActivities(deps: WorkerDependencies): Pick<ResidentActivities, 'deployModel'> {
  return {
    deployModel: (input) =>
      heldUpByFullDisk(deps.signaller, { listener: input.listener, round: input.round ?? 0, stage: 'Deploy' }, () =>
        beating(() => deployModel(deps, input)),
      ),
  };
}

async function deployModel(deps: WorkerDependencies, input: DeployModelInput): Promise<DeployResult> {
  for (const url of input.urls) await place(deps, input.model, url);
  if (input.hotUpdate === undefined) {
    await restart(deps, input);
    return { node: deps.node };
  }
  return { node: deps.node, config: await hotUpdate(deps, input) };
}

/** Readers of the path see the old model or the new one, never a part. */
async function place({ blobs }: WorkerDependencies, { blob, url: source }: ModelSource, url: string): Promise<void> {
  if (!isLocal(url))
    throw failure('InvalidSpec', `the Model's url ${url} cannot be written: only files of the node so far`);
  const target = localPath(url);
  if (blob !== undefined) await blobs.fetchTo(blob, target);
  else await copyFileAtomic(localPath(source), target);
}

async function hotUpdate(deps: WorkerDependencies, input: DeployModelInput): Promise<string> {
  const { runtime, stateDir } = deps;
  const directory = hotUpdateDirectory(stateDir, input.owner);
  const file = modelName(input.model);
  await place(deps, input.model, join(directory, file));
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
  if (view?.ready === true) return;
  const why =
    (view ?? deps.runtime.get(input.worker))?.problem?.message ?? `it was not ready within ${loadMs / 1_000} s`;
  throw failure('WorkerFailed', `${input.worker} was restarted with the new model, but ${why}`);
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
