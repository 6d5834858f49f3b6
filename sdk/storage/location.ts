import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { StorageError } from './errors.ts';

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
    // Judged before URL parsing: it would resolve ".." segments silently.
    checkSegments(decodeURIComponent(location), location);
    return fileURLToPath(location);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw new StorageError('InvalidLocation', `${location}: is not a file:///absolute/path URL`, { cause: error });
  }
}

function checked(candidate: string, location: string): string {
  if (candidate.includes('\0')) throw new StorageError('InvalidLocation', `${JSON.stringify(location)}: contains NUL`);
  if (!path.isAbsolute(candidate)) {
    throw new StorageError('InvalidLocation', `"${location}": must be an absolute path, such as /data/train.txt`);
  }
  checkSegments(candidate, location);
  return path.normalize(candidate);
}

function checkSegments(text: string, location: string): void {
  if (text.split(/[/\\]/).includes('..')) {
    throw new StorageError('InvalidLocation', `${location}: must not contain ".." segments`);
  }
}
