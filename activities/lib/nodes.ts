import type { Client } from '@temporalio/client';
import type { NodeFields } from '../contracts.ts';
import type { EntityView } from '../../workflows/lib/messages.ts';
import { listEntities, viewEntity } from './entities.ts';

export interface NodeView extends Partial<NodeFields> {
  name: string;
  alive: boolean;
  labels: Record<string, string>;
  view: EntityView;
}

/** Registered nodes as they say of themselves, by name. */
export async function nodeViews(client: Client): Promise<NodeView[]> {
  const refs = await listEntities(client, 'Node');
  const views = await Promise.all(refs.map((ref) => viewEntity(client, ref)));
  return views
    .filter((view) => view?.exists === true)
    .map((view) => {
      const status = view?.status as Partial<NodeFields> & { phase?: string };
      return {
        ...status,
        name: view?.metadata.name ?? '',
        alive: status.phase === 'Ready',
        labels: status.labels ?? {},
        view: view as EntityView,
      };
    });
}
