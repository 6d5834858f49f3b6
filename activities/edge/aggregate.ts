/** What a federated run computes on the node of its aggregation worker, in child processes. */
import { ApplicationFailure } from '@temporalio/common';
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  AggregateResult,
  FederatedEdgeActivities,
  ImportModelInput,
  Listener,
  ModelSource,
  StrategyNeeds,
} from '../contracts.ts';
import { updatesMissing } from '../../workflows/lib/failures.ts';
import { isLocal } from '../../sdk/storage/index.ts';
import { failure, namingFullDisk } from '../lib/failure.ts';
import type { AggregateChildInput, AggregateChildOutput } from './children/aggregate.ts';
import type { CheckStrategyChildInput } from './children/check-strategy.ts';
import type { HeadChildInput } from './children/head.ts';
import type { ImportInput, ImportOutput } from './children/import-model.ts';
import { evaluateModel } from './evaluate-model.ts';
import { tellAggregation } from './lib/aggregator-news.ts';
import { ChildError, inChild } from './lib/child.ts';
import { worthTelling } from './lib/held-up.ts';
import { nodePath } from './lib/node-path.ts';
import { beating } from './lib/resident.ts';
import type { UserAggregators } from './user-aggregator.ts';
import type { WorkerDependencies } from './worker.ts';

type Dependencies = Pick<WorkerDependencies, 'node' | 'signaller' | 'stateDir' | 'blobs'> & {
  /** Absent: this node runs none. */
  aggregators?: UserAggregators;
  /** Files with strategies beyond those of the SDK, which whoever runs the node has allowed. */
  strategies?: readonly string[];
};

/** Repeatable: they only write blobs, and equal inputs give equal blobs. What an earlier local controller left over is removed. */
export function createAggregateActivities(deps: Dependencies): FederatedEdgeActivities {
  const emptied = rm(scratchRoot(deps), { recursive: true, force: true });
  const work = <T>(act: (scratch: string, signal: AbortSignal) => Promise<T>): Promise<T> =>
    namingFullDisk(async () => {
      await emptied;
      return beating((signal) => withScratch(deps, (scratch) => act(scratch, signal)));
    });
  const modules = deps.strategies ?? [];
  const headActivity = <I, O>(script: string, given: { input: I; scratch: string }, signal: AbortSignal): Promise<O> =>
    inChild<O>(script, { blobUrl: deps.blobs.url, ...given } satisfies HeadChildInput<I>, signal).catch(refused);
  return {
    checkStrategy: ({ worker, ...strategy }) =>
      beating(async (signal) => {
        if (worker !== undefined) {
          await aggregatorsOf(deps).check({ ...strategy, worker });
          return undefined;
        }
        const input: CheckStrategyChildInput = { ...strategy, modules };
        return inChild<StrategyNeeds>('check-strategy', input, signal).catch(refused);
      }),
    evaluateModel: (input) => work((scratch, signal) => evaluateModel(deps.blobs, input, { scratch, signal })),
    importModel: (input) =>
      telling(deps, { round: 0, listener: input.listener }, () =>
        work((scratch, signal) => importModel(deps, input, { scratch, signal })),
      ),
    inspectCut: (input) => work((scratch, signal) => headActivity('inspect-cut', { input, scratch }, signal)),
    trainHead: (input) =>
      telling(deps, input, () => work((scratch, signal) => headActivity('train-head', { input, scratch }, signal))),
    aggregate: (round) => {
      const { aggregator } = round;
      // It tells more than this, and by itself.
      if (aggregator !== undefined)
        return work((scratch, signal) => aggregatorsOf(deps).aggregate(round, aggregator, { scratch, signal }));
      const aggregated = (scratch: string, signal: AbortSignal): Promise<AggregateResult> => {
        const input: AggregateChildInput = { blobUrl: deps.blobs.url, round, modules, scratch };
        return inChild<AggregateChildOutput>('aggregate', input, signal).catch(refused).then(complete);
      };
      return telling(deps, round, () => work(aggregated));
    },
  };
}

/** What may pass is nobody's mistake in the manifest: it is tried again for as long as it lasts, and the job says so. */
async function telling<T>(
  deps: Dependencies,
  { round, listener }: { round: number; listener?: Listener | undefined },
  act: () => Promise<T>,
): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const problem = worthTelling(error);
    if (problem !== undefined) {
      const { reason, message } = problem;
      await tellAggregation(deps, listener, { round, problem: { reason, message: `on ${deps.node}: ${message}` } });
    }
    throw error;
  }
}

/** The job asks their clients again: trying again here would not bring them back. */
function complete(made: AggregateChildOutput): AggregateResult {
  if (!('missing' in made)) return made;
  const message = `${made.missing.length} accepted updates are not in the blob store: ${made.missing.slice(0, 5).join(', ')}`;
  throw ApplicationFailure.create({ type: updatesMissing, message, nonRetryable: true, details: [made.missing] });
}

function aggregatorsOf({ aggregators }: Dependencies): UserAggregators {
  if (aggregators !== undefined) return aggregators;
  throw failure('InvalidSpec', 'spec.aggregation.strategy: Worker: this node runs no aggregators');
}

interface Place {
  scratch: string;
  signal: AbortSignal;
}

async function importModel(
  deps: Dependencies,
  { model }: ImportModelInput,
  { scratch, signal }: Place,
): ReturnType<FederatedEdgeActivities['importModel']> {
  const file = await fileOf(deps, model, scratch);
  if (file === undefined) return undefined;
  const input: ImportInput = { blobUrl: deps.blobs.url, file, scratch };
  return (await inChild<ImportOutput>('import-model', input, signal)) ?? undefined;
}

async function fileOf(
  { blobs }: Dependencies,
  { url, blob }: ModelSource,
  scratch: string,
): Promise<string | undefined> {
  if (blob !== undefined) {
    const file = join(scratch, 'model');
    await blobs.fetchTo(blob, file, { flush: false });
    return file;
  }
  if (!isLocal(url)) throw failure('ModelUnreadable', `${url}: only files of the node can be used so far`);
  const file = nodePath('spec.url of the Model', url);
  return (await stat(file).catch(() => undefined))?.isFile() ? file : undefined;
}

/** Reasons of the aggregation that only a change of the manifest mends. */
const ofManifest = ['UnknownStrategy', 'InvalidParameter', 'TooFewUpdates', 'CutInvalid'];
const ofTensors = [
  'LayoutMismatch',
  'NotFinite',
  'NotTensors',
  'ResultNotFinite',
  'MetricMissing',
  'StateMismatch',
  'BadStrategyModule',
  'StrategyFailed',
  'InvalidModel',
  'InvalidSamples',
  'InvalidOptions',
  'UnsupportedOperator',
  'NotEnoughMemory',
  'TrainingDiverged',
  'RuntimeFailed',
];

function refused(error: unknown): never {
  if (!(error instanceof ChildError) || error.reason === undefined) throw error;
  if (ofManifest.includes(error.reason)) throw failure('InvalidSpec', error.message, error);
  if (ofTensors.includes(error.reason)) throw failure('WorkerFailed', `${error.reason}: ${error.message}`, error);
  throw error;
}

function scratchRoot({ stateDir }: Dependencies): string {
  return join(stateDir, 'scratch');
}

async function withScratch<T>(deps: Dependencies, use: (directory: string) => Promise<T>): Promise<T> {
  await mkdir(scratchRoot(deps), { recursive: true });
  const directory = await mkdtemp(join(scratchRoot(deps), 'c-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
