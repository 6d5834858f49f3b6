import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { StorageError } from './errors.ts';

/** As in manifests: Linux PATH_MAX. */
const MAX_LENGTH = 4096;
const CONTROL = /[\x00-\x1f\x7f]/;
const SCHEME = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//;

/** Scheme in lower case, or `''` for a plain path. */
export function schemeOf(location: string): string {
  return SCHEME.exec(location)?.[1]?.toLowerCase() ?? '';
}

/**
 * Absolute path of a local location: `/data/x` or `file:///data/x`.
 * Throws `UnsupportedScheme` for other schemes and `InvalidLocation` for relative paths, `..` segments and NUL.
 */
export function localPath(location: string): string {
  const scheme = schemeOf(location);
  if (location.length > MAX_LENGTH)
    throw new StorageError('InvalidLocation', `${location.slice(0, 100)}…: must have at most ${MAX_LENGTH} characters`);
  if (CONTROL.test(location))
    throw new StorageError('InvalidLocation', `${JSON.stringify(location)}: must not contain control characters`);
  if (scheme === 'file') return checked(fromFileUrl(location), location);
  if (scheme !== '') throw unsupported(scheme, location);
  return checked(location, location);
}

export function isLocal(location: string): boolean {
  return ['', 'file'].includes(schemeOf(location));
}

export function unsupported(scheme: string, location: string): StorageError {
  return new StorageError(
    'UnsupportedScheme',
    `${location}: scheme "${scheme}://" is not supported here; supported: an absolute path, file:///…`,
  );
}

function fromFileUrl(location: string): string {
  try {
    // Judged before URL parsing: it would resolve dots silently, and drop what follows "?" or "#".
    const decoded = decodeURIComponent(location);
    checkSegments(decoded, location);
    if (!/^file:\/\/\/[^?#]*$/i.test(location)) throw new Error('it has a host, a query or a fragment');
    return fileURLToPath(location);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw new StorageError(
      'InvalidLocation',
      `${location}: must be a file URL of an absolute path without "?", "#", "%2F" and broken escapes`,
      { cause: error },
    );
  }
}

function checked(candidate: string, location: string): string {
  // Once more: escapes of a URL may have hidden them.
  if (CONTROL.test(candidate))
    throw new StorageError('InvalidLocation', `${JSON.stringify(location)}: must not contain control characters`);
  if (!path.isAbsolute(candidate)) {
    throw new StorageError('InvalidLocation', `"${location}": must be an absolute path, such as /data/train.txt`);
  }
  checkSegments(candidate, location);
  return path.normalize(candidate);
}

function checkSegments(text: string, location: string): void {
  if (/(^|[/\\])(\.|%2e){2}([/\\]|$)/i.test(text)) {
    throw new StorageError(
      'InvalidLocation',
      `${location}: must not contain ".." segments; write the path without them`,
    );
  }
}
