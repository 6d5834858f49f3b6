/** What people write of an object, without what the API server and the entity have added. */
import type { Manifest } from '../../crds/lib/kind.ts';

/** For printing: who owns which field is noise, as for kubectl. */
export function withoutManagedFields(object: Manifest): Manifest {
  const { managedFields: _managed, ...metadata } = object.metadata as Manifest['metadata'] & {
    managedFields?: unknown;
  };
  return { ...object, metadata };
}

/**
 * For applying, so that what `sedna get -o yaml` printed can be applied: the API server refuses `managedFields`, and a resourceVersion of
 * a moment ago would be a conflict with every status that was written since.
 */
export function asWritten(object: Manifest): Manifest {
  const { status: _status, ...rest } = withoutManagedFields(object);
  const { uid: _uid, resourceVersion: _version, generation: _generation, ...more } = rest.metadata;
  const { creationTimestamp: _created, deletionTimestamp: _deleted, ...metadata } = more as Record<string, unknown>;
  return { ...rest, metadata: metadata as Manifest['metadata'] };
}
