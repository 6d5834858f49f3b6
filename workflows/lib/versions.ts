/** The versions of a Model. Pure. */
import type { ModelSource } from '../../activities/contracts.ts';
import type { PublishedModel } from '../model.ts';
import type { ModelVersion } from './messages.ts';

/** Bound of the list in status; blobs of forgotten versions stay in the store. */
export const maxVersions = 20;

/**
 * Adds a version, or brings a known digest up to date; oldest first. A version that goes live retires what was live and
 * the candidates before it. The live one is never forgotten.
 */
export function mergeVersion(
  known: ModelVersion[],
  version: ModelVersion,
): { versions: ModelVersion[]; event?: 'VersionAdded' | 'VersionLive' } {
  const before = known.find((other) => other.sha256 === version.sha256);
  if (before !== undefined && JSON.stringify(before) === JSON.stringify(version)) return { versions: known };
  const goesLive = version.stage === 'live' && before?.stage !== 'live';
  const others = known
    .filter((other) => other !== before)
    .map((other) => (goesLive && other.stage !== 'retired' ? { ...other, stage: 'retired' as const } : other));
  // A word on a known one, such as its metrics, takes nothing that is live away.
  const stage = version.stage === 'candidate' ? (before?.stage ?? version.stage) : version.stage;
  const merged = { ...before, ...version, stage, createdAt: (before ?? version).createdAt };
  const versions = bounded([...others, merged]);
  if (goesLive) return { versions, event: 'VersionLive' };
  return before === undefined ? { versions, event: 'VersionAdded' } : { versions };
}

function bounded(versions: ModelVersion[]): ModelVersion[] {
  const excess = versions.length - maxVersions;
  if (excess <= 0) return versions;
  const dropped = new Set(versions.filter((version) => version.stage !== 'live').slice(0, excess));
  return versions.filter((version) => !dropped.has(version));
}

/** The live version if there is one (any node can have it), else the file that the Model names. */
export function currentModel(model: PublishedModel): ModelSource {
  const { url, format, live } = model;
  return live === undefined
    ? { url, format }
    : { url, format, blob: { uri: live.uri, sha256: live.sha256, bytes: live.bytes } };
}
