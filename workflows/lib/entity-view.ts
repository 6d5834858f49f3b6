import type { EntityState } from './desired.ts';
import { absentPhase, type EntityView } from './messages.ts';

/** Answer of the query `status`. Pure. */
export function viewOf({ ref, desired, status, removing }: EntityState<unknown, unknown>): EntityView {
  return {
    apiVersion: 'sedna.io/v1alpha1',
    kind: ref.kind,
    metadata: {
      name: ref.name,
      ...(ref.namespace === '' ? {} : { namespace: ref.namespace }),
      ...(desired === undefined ? {} : { uid: desired.uid, generation: desired.generation }),
      ...(desired?.createdAt === undefined ? {} : { creationTimestamp: desired.createdAt }),
    },
    origin: desired?.origin ?? 'standalone',
    exists: desired !== undefined && !removing,
    ...(desired?.manifest === undefined ? {} : { manifest: desired.manifest }),
    status: { ...(status ?? { phase: absentPhase }), ...(removing ? { phase: 'Terminating' } : {}) },
  };
}
