/** Federated learning on a node: tasks of its clients; aggregation where the aggregation worker is placed. */
import { rm } from 'node:fs/promises';
import type { FederatedResidentActivities } from '../contracts.ts';
import { beating } from './lib/resident.ts';
import { pruneTasks } from './lib/task-retention.ts';
import { taskFiles } from './tasks.ts';
import { createTrainClient, type FederatedDependencies } from './train-client.ts';

/** After the last task a worker may save its model for so long before it is stopped. */
const farewellMs = 60_000;

type DismissInput = Parameters<FederatedResidentActivities['dismissClients']>[0];

export function createFederatedResidents(deps: FederatedDependencies): FederatedResidentActivities {
  return {
    ...createTrainClient(deps),
    async dismissClients(input) {
      await beating((interrupted) =>
        Promise.all(input.workers.map((worker) => dismiss(deps, { ...input, worker, interrupted }))).then(
          () => undefined,
        ),
      );
    },
  };
}

interface Dismissal extends DismissInput {
  worker: string;
  interrupted: AbortSignal;
}

async function dismiss(deps: FederatedDependencies, { worker, weights, interrupted }: Dismissal): Promise<void> {
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
  await gone(deps, worker, interrupted);
  if (interrupted.aborted) return;
  await deps.runtime.remove(worker);
  deps.tasks.withdraw(worker, id);
  await pruneTasks(files, []);
  await rm(files.directory, { recursive: true, force: true });
}

/** Waits for the end of a worker that was told that there is no more. */
async function gone({ runtime }: FederatedDependencies, worker: string, interrupted: AbortSignal): Promise<void> {
  let leave = (): void => undefined;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, farewellMs);
    interrupted.addEventListener('abort', () => resolve(), { once: true });
    leave = runtime.watch(worker, (view) => {
      if (view === undefined || view.state === 'exited') resolve();
    });
  });
  clearTimeout(timer);
  leave();
}
