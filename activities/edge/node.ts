/** What a node owes to the entities: being there, and keeping nothing of those that are gone. */
import { rm } from 'node:fs/promises';
import type { ResidentActivities } from '../contracts.ts';
import type { Owner } from '../../workflows/lib/ids.ts';
import { hotUpdateDirectory } from './lib/hot-update.ts';
import { beating } from './lib/resident.ts';
import { serviceState } from './lib/service-state.ts';
import { tasksOf } from './tasks.ts';
import type { WorkerDependencies } from './worker.ts';

export interface NodeDependencies extends WorkerDependencies {
  /** Removes what belongs to entities that have ended or were re-created, and gives back what was lost; called whenever contact is made again. */
  sweep: () => Promise<void>;
}

export function createNodeActivities(deps: NodeDependencies): Pick<ResidentActivities, 'attend' | 'removeOwner'> {
  return {
    async attend({ listener, attendance }) {
      await beating(async () => {
        const { workflowId, uid, slot } = listener;
        await deps.signaller.observed(workflowId, { slot, uid, value: attendance });
        await deps.sweep();
        await new Promise(() => undefined);
      });
    },

    removeOwner: ({ owner }) => beating(() => removeOwner(deps, owner)),
  };
}

/** Idempotent. Models and samples under the user's own output directory stay: they are the user's. */
export async function removeOwner({ runtime, stateDir }: WorkerDependencies, owner: Owner): Promise<void> {
  await runtime.removeOwner(owner.uid);
  await rm(hotUpdateDirectory(stateDir, owner), { recursive: true, force: true });
  await rm(tasksOf(stateDir, owner), { recursive: true, force: true });
  await rm(serviceState(stateDir, owner), { recursive: true, force: true });
}
