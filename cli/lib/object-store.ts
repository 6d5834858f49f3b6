import type { Manifest } from '../../crds/lib/kind.ts';
import type { EntityRef } from '../../workflows/lib/ids.ts';

/** Where objects are kept: a cluster, or their entities alone. Verbs of the command line work the same on both. */
export interface ObjectStore {
  apply(manifest: Manifest): Promise<'created' | 'configured' | 'unchanged'>;
  get(ref: EntityRef): Promise<Manifest | undefined>;
  /** In one namespace, or (undefined) in all. */
  list(kind: string, namespace: string | undefined): Promise<Manifest[]>;
  /** False when there is none. Deletion goes on after this returns. */
  delete(ref: EntityRef): Promise<boolean>;
  events(ref: EntityRef): Promise<{ time: string; type: string; reason: string; message: string }[]>;
}
