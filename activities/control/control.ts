/** Activities of GM. Every one may run twice: they say what should be, not what to add. */
import type { Client } from '@temporalio/client';
import { selectClients } from '../../sdk/algorithms/client-selection/index.ts';
import type { ControlActivities } from '../contracts.ts';
import { failure } from '../lib/failure.ts';
import { nodeViews } from '../lib/nodes.ts';
import { signalEntity } from '../lib/entities.ts';
import { evaluateTrigger } from '../../workflows/lib/trigger.ts';
import { signals } from '../../workflows/lib/messages.ts';

/** The part that needs a cluster. Without one no entity ever asks for it. */
export type ObjectWriter = Pick<ControlActivities, 'adopt' | 'writeStatus' | 'release'>;

export function createControlActivities(client: Client, objects: ObjectWriter | undefined): ControlActivities {
  const writer = (): ObjectWriter => {
    if (objects !== undefined) return objects;
    throw new Error(
      'this global manager has no Kubernetes connection (SEDNA_KUBECONFIG); one that has must take this over',
    );
  };
  return {
    adopt: (input) => writer().adopt(input),
    writeStatus: (input) => writer().writeStatus(input),
    release: (input) => writer().release(input),

    async subscribe({ targets, subscriber }) {
      await Promise.all(targets.map((target) => signalEntity(client, target, signals.subscribe, subscriber)));
    },

    async place({ nodeSelector, exclude = [] }) {
      for (const { name, labels, alive } of await nodeViews(client)) {
        if (exclude.includes(name)) continue;
        if (alive && Object.entries(nodeSelector).every(([key, value]) => labels[key] === value)) return { node: name };
      }
      const wanted = Object.entries(nodeSelector).map(([key, value]) => `${key}=${value}`);
      const others = exclude.length === 0 ? '' : ` beside ${exclude.join(', ')}`;
      throw failure('NodeUnknown', `no connected node${others} has the labels ${wanted.join(', ')}`);
    },

    selectClients({ strategy, request }) {
      try {
        return Promise.resolve({ selected: selectClients(strategy, request) });
      } catch (error) {
        throw failure('InvalidSpec', `spec.clientSelection: ${(error as Error).message}`, error);
      }
    },

    judgeTrigger: ({ trigger, metrics }) => Promise.resolve(evaluateTrigger(trigger, metrics, Date.now())),
  };
}
