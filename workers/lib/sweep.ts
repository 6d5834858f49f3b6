import type { Client } from '@temporalio/client';
import { viewEntity } from '../../activities/lib/entities.ts';
import { notedOwners } from '../../activities/edge/lib/service-state.ts';
import { pruneModels } from '../../activities/edge/model-files.ts';
import { removeOwner } from '../../activities/edge/node.ts';
import type { WorkerDependencies } from '../../activities/edge/worker.ts';
import { logger } from './log.ts';

/** Removes the workers and files of owners that have ended or were re-created while this node was away. */
export async function sweepOwners(client: Client, deps: WorkerDependencies): Promise<void> {
  const owners = [...deps.runtime.owners(), ...(await notedOwners(deps.stateDir))];
  for (const owner of new Map(owners.map((one) => [one.uid, one])).values()) {
    try {
      const view = await viewEntity(client, owner);
      if (view?.metadata.uid === owner.uid && view.exists) continue;
      logger.info({ ...owner }, 'its owner is gone: removing workers and files');
      await removeOwner(deps, owner);
    } catch (error) {
      // No answer is no verdict: workers stay until somebody says that their owner is gone.
      logger.warn({ ...owner, error: String(error) }, 'could not ask for the owner of local workers');
    }
  }
  pruneModels(deps);
}
