/** One task of one federated client: its resident worker is asked, its answer is judged and stored. */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import type {
  Encoding,
  FederatedResidentActivities,
  TrainClientInput,
  TrainClientResult,
  WorkerSpec,
} from '../contracts.ts';
import { writeFileAtomic } from '../../sdk/storage/index.ts';
import type { TaskResult, WorkerTask } from '../../sdk/worker/task-protocol.ts';
import { failure, orDiskFull, problemOf, saysDiskFull } from '../lib/failure.ts';
import type { JudgeUpdateInput, JudgeUpdateOutput } from './children/judge-update.ts';
import type { Problem } from '../../workflows/lib/failures.ts';
import { finiteMetrics } from '../../workflows/lib/federated/settings.ts';
import { inChild } from './lib/child.ts';
import { ClientTeller } from './lib/client-news.ts';
import { DatasetIndex } from './lib/dataset-index.ts';
import { beating, endingOf } from './lib/resident.ts';
import { aggregatorAt, refusePlato } from './lib/original-trainers.ts';
import { SharedWeights } from './lib/shared-weights.ts';
import { previousUpdate, pruneTasks } from './lib/task-retention.ts';
import { watchDeaths } from './lib/deaths.ts';
import { taskFiles, type TaskBoard, type TaskFiles } from './tasks.ts';
import { launchOf, type WorkerDependencies } from './worker.ts';

export interface FederatedDependencies extends WorkerDependencies {
  tasks: TaskBoard;
}

/**
 * Idempotent by identity: the result, else the answer of the worker, is found in files of the node. A worker that dies is started
 * again and gets the same task; it goes on from its checkpoint.
 */
export function createTrainClient(deps: FederatedDependencies): Pick<FederatedResidentActivities, 'trainClient'> {
  const weights = new SharedWeights(deps.blobs);
  return { trainClient: (input) => trainClient({ ...deps, weights }, input) };
}

/**
 * The same for every attempt and every local controller of the node. What was edited is another task: an answer of before does not count for it.
 * Without `evaluate`, which changes nothing of the update: a late task is asked for without it.
 */
export function taskId(input: TrainClientInput): string {
  const { task, identity, dataset, settings, policy, weights, encoding, seed, worker } = input;
  const { run, round, client, turn = 0 } = identity;
  const work = [run, dataset, settings, policy, weights?.sha256, encoding, seed, worker.revision];
  const digest = createHash('sha256').update(JSON.stringify(work)).digest('hex').slice(0, 12);
  return `${task.toLowerCase()}-r${round}-${client}-${digest}${turn === 0 ? '' : `-${turn}`}`;
}

interface Dependencies extends FederatedDependencies {
  weights: SharedWeights;
}

async function trainClient(deps: Dependencies, input: TrainClientInput): Promise<TrainClientResult> {
  const { worker } = input;
  const id = taskId(input);
  const files = taskFiles(deps.stateDir, worker.owner, worker.name, id);
  let takeBack = (): void => undefined;
  const teller = new ClientTeller(deps.signaller, input, {
    node: deps.node,
    before: deps.runtime.get(worker.name)?.progress,
    attempt: Context.current().info.attempt,
  });
  try {
    return await beating(
      async (interrupted) => {
        const known = await readResult(deps, files);
        if (known !== undefined) return known;
        const answer =
          (await deps.tasks.answered(worker.owner, worker.name, id)) ??
          (await ask(deps, input, { files, teller, interrupted, offered: (undo) => (takeBack = undo) }));
        return await conclude(deps, input, { files, answer, interrupted });
      },
      () => teller.observe(deps.runtime.get(worker.name)),
    );
  } catch (error) {
    if (error instanceof CancelledFailure && (await endingOf((...run) => deps.signaller.runs(...run))) === 'wanted') {
      takeBack();
    }
    const named = orDiskFull(error);
    if (!(named instanceof CancelledFailure)) await teller.failing(problemOf(named));
    throw named;
  } finally {
    teller.close();
  }
}

interface Asking {
  files: TaskFiles;
  teller: ClientTeller;
  interrupted: AbortSignal;
  offered: (takeBack: () => void) => void;
}

async function ask(deps: Dependencies, input: TrainClientInput, asking: Asking): Promise<TaskResult> {
  const { tasks, runtime } = deps;
  const { worker } = input;
  const { files, teller, interrupted, offered } = asking;
  const task = await prepare(deps, input, files);
  await ensureTrainer(deps, worker);
  const over = new AbortController();
  const unkept = (error: unknown): void => {
    const named = orDiskFull(error);
    if (!(named instanceof ApplicationFailure)) return;
    teller.retrying({
      reason: 'DiskFull',
      message: `the answer of ${worker.name} could not be kept: ${named.message}`,
    });
  };
  offered(tasks.offer(worker.name, task, () => teller.training(), unkept));
  const deaths = watchDeaths(runtime, worker.name, (problem) => teller.retrying(problem));
  try {
    const signal = AbortSignal.any([interrupted, over.signal]);
    return await Promise.race([tasks.answer(worker.owner, worker.name, task.id, signal), deaths.tooMany]);
  } finally {
    over.abort();
    deaths.leave();
  }
}

/** Makes a trainer run: started anew after it has ended, whatever its end was. */
export async function ensureTrainer(deps: FederatedDependencies, worker: WorkerSpec): Promise<void> {
  const launch = await launchOf(deps, worker);
  refusePlato(launch.image);
  const contract = { ...launch.contract, ...aggregatorAt(deps.address()) };
  await deps.runtime.ensure({ ...launch, contract, restart: 'Always' });
}

async function prepare(deps: Dependencies, input: TrainClientInput, files: TaskFiles): Promise<WorkerTask> {
  const { worker, weights, policy, identity } = input;
  const underWay = deps.tasks.offered(worker.name).map((id) => taskFiles(deps.stateDir, worker.owner, worker.name, id));
  await pruneTasks(files, underWay);
  await mkdir(files.directory, { recursive: true });
  if (weights !== undefined) await deps.weights.fetchTo(weights, files.weights);
  const excludeLayers = policy.excludeLayers ?? [];
  return {
    id: taskId(input),
    kind: kinds[input.task],
    round: identity.round,
    weights: weights && files.weights,
    previous: excludeLayers.length === 0 ? undefined : await previousUpdate(files),
    settings: input.settings,
    ...(input.encoding === undefined ? {} : { encoding: codeOf(input.encoding) }),
    seed: input.seed,
    evaluate: input.evaluate,
    excludeLayers,
    output: files.update,
    checkpoint: files.checkpoint,
  };
}

/** A power cut ends the worker as well; what counts by then is a blob, and what does not is asked for again. */
const onNode = { flush: false };

const kinds = { Train: 'train', Weights: 'weights', Encode: 'encode' } as const;

function codeOf({ cut: _, ...code }: Encoding): NonNullable<WorkerTask['encoding']> {
  return code;
}

interface Concluding {
  files: TaskFiles;
  answer: TaskResult;
  interrupted: AbortSignal;
}

async function conclude(
  deps: FederatedDependencies,
  input: TrainClientInput,
  { files, answer, interrupted }: Concluding,
): Promise<TrainClientResult> {
  const of = { client: input.identity.client, node: deps.node };
  // Not remembered: should somebody ask again, then because something was mended.
  const refuse = async (refused: Problem): Promise<TrainClientResult> => {
    await rm(files.directory, { recursive: true, force: true });
    return { refused, ...of };
  };
  if (answer.status === 'failed') {
    if (saysDiskFull(answer.message)) {
      // The node's doing, not the client's: it is asked again when there is room.
      await rm(files.answer, { force: true });
      throw failure('DiskFull', `${input.worker.name}: ${answer.message}`);
    }
    return refuse({ reason: answer.reason ?? 'WorkerFailed', message: `${input.worker.name}: ${answer.message}` });
  }
  const judged = {
    blobUrl: deps.blobs.url,
    answer,
    policy: input.policy,
    directory: files.directory,
    ...(input.weights === undefined ? {} : { weights: files.weights }),
    ...(input.encoding === undefined ? {} : { encoding: input.encoding }),
    ...(await datasetSamples(input)),
  } satisfies JudgeUpdateInput;
  const verdict = await inChild<JudgeUpdateOutput>('judge-update', judged, interrupted);
  if ('refused' in verdict) return refuse(verdict.refused);
  const evaluation = answer.evaluation && { evaluation: finiteMetrics(answer.evaluation) };
  const result: TrainClientResult = {
    accepted: { ...of, ...verdict, metrics: finiteMetrics(answer.metrics), ...evaluation },
  };
  await writeFileAtomic(files.result, JSON.stringify(result), onNode);
  return result;
}

async function datasetSamples({ policy, dataset }: TrainClientInput): Promise<{ datasetSamples?: number }> {
  if (policy.maxSamplesFactor === undefined) return {};
  const index = new DatasetIndex(dataset, { settleMs: 0 });
  await index.refresh();
  return { datasetSamples: index.count };
}

/** A result counts for as long as its blob is there. */
async function readResult({ blobs }: FederatedDependencies, files: TaskFiles): Promise<TrainClientResult | undefined> {
  let result: TrainClientResult;
  try {
    result = JSON.parse(await readFile(files.result, 'utf8')) as TrainClientResult;
  } catch {
    return undefined; // written atomically: not there
  }
  return 'refused' in result || (await blobs.has(result.accepted.blob)) ? result : undefined;
}
