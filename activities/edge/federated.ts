/** Federated learning on a node: tasks of its clients; aggregation where the aggregation worker is placed. */
import { rm } from 'node:fs/promises';
import type { BlobRef, FederatedResidentActivities } from '../contracts.ts';
import { beating } from './lib/resident.ts';
import { pruneTasks } from './lib/task-retention.ts';
import { taskFiles, tasksOfWorker } from './tasks.ts';
import { createTrainClient, ensureTrainer, type FederatedDependencies } from './train-client.ts';

/** After the last task a worker may save its model for so long before it is stopped. */
const farewellMs = 60_000;
/** Between two rounds it has nothing to save. */
const restMs = 10_000;
/** One that says that the rounds are over may save something; the original's has nothing to save, and looks every 15 s whether it may end. */
const aggregatorsEndMs = 5_000;

type DismissInput = Parameters<FederatedResidentActivities['dismissClients']>[0];

export function createFederatedResidents(deps: FederatedDependencies): FederatedResidentActivities {
  const { trainClient } = createTrainClient(deps);
  return {
    async trainClient(input) {
      const result = await trainClient(input);
      // Its answer is a blob by now, and what the next round needs of it lies on the node.
      if (input.keepWarm === false) {
        const { name } = input.worker;
        await beating((interrupted) => endWorker(deps, { worker: name, interrupted, boundMs: restMs }));
      }
      return result;
    },
    async dismissClients(input) {
      const { workers, aggregator } = input;
      await beating(async (interrupted) => {
        await Promise.all([
          ...workers.map((worker) => dismiss(deps, input, { worker, interrupted })),
          ...(aggregator === undefined ? [] : [stopAggregator(deps, { ...aggregator, interrupted })]),
        ]);
      });
    },
  };
}

interface Ending {
  worker: string;
  interrupted: AbortSignal;
}

async function dismiss(
  deps: FederatedDependencies,
  { weights, trainers }: DismissInput,
  ending: Ending,
): Promise<void> {
  // One that has ended after its last round comes once more, for the final model.
  const trainer = trainers?.find(({ name }) => name === ending.worker);
  if (trainer !== undefined && weights !== undefined) await ensureTrainer(deps, trainer);
  await endWorker(deps, { ...ending, boundMs: farewellMs, ...(weights === undefined ? {} : { weights }) });
}

async function stopAggregator(
  deps: FederatedDependencies,
  { worker, finished, interrupted }: Ending & { finished: boolean },
): Promise<void> {
  const view = deps.runtime.get(worker);
  if (view === undefined) return;
  if (finished) await gone(deps, worker, { interrupted, boundMs: aggregatorsEndMs });
  if (interrupted.aborted) return;
  await deps.runtime.remove(worker);
  await rm(tasksOfWorker(deps.stateDir, view.owner, worker), { recursive: true, force: true });
}

/** Tells a worker that there is no more, and removes it once it has ended, or after `boundMs`. `weights`: what it is to save before. */
async function endWorker(
  deps: FederatedDependencies,
  { worker, weights, interrupted, boundMs }: Ending & { boundMs: number; weights?: BlobRef },
): Promise<void> {
  const view = deps.runtime.get(worker);
  if (view === undefined) return;
  const id = 'end';
  const files = taskFiles(deps.stateDir, view.owner, worker, id);
  if (weights !== undefined) await deps.blobs.fetchTo(weights, files.weights);
  deps.tasks.offer(worker, {
    id,
    kind: 'end',
    round: 0,
    weights: weights && files.weights,
    previous: undefined,
    settings: {},
    seed: 0,
    evaluate: false,
    excludeLayers: [],
    output: undefined,
    checkpoint: undefined,
  });
  await gone(deps, worker, { interrupted, boundMs });
  if (interrupted.aborted) return;
  await deps.runtime.remove(worker);
  deps.tasks.withdraw(worker, id);
  await pruneTasks(files, []);
  await rm(files.directory, { recursive: true, force: true });
}

/** Waits for the end of a worker that was told that there is no more. */
async function gone(
  { runtime }: FederatedDependencies,
  worker: string,
  { interrupted, boundMs }: { interrupted: AbortSignal; boundMs: number },
): Promise<void> {
  let leave = (): void => undefined;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, boundMs);
    interrupted.addEventListener('abort', () => resolve(), { once: true });
    leave = runtime.watch(worker, (view) => {
      if (view === undefined || view.state === 'exited') resolve();
    });
  });
  clearTimeout(timer);
  leave();
}
