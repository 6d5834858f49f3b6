import { localPath } from '../../../sdk/storage/index.ts';
import { failure } from '../../lib/failure.ts';

/** The path on this node that a field of a manifest names. What no node can read fails for good and names the field: retrying cannot mend it. */
export function nodePath(field: string, location: string): string {
  try {
    return localPath(location);
  } catch (error) {
    throw failure('InvalidSpec', `${field}: ${(error as Error).message}`, error);
  }
}
