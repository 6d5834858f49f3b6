import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_MANIFEST_BYTES, parseManifests, type ParsedDocument } from '../../crds/parse.ts';
import { CliError } from './errors.ts';

/** A folder stands for the manifests in it (`.yaml`, `.yml`, `.json`, by name; not in folders below), as for kubectl. */
export function filesOf(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    if (name === '-' || statSync(name, { throwIfNoEntry: false })?.isDirectory() !== true) return [name];
    const files = readdirSync(name, { withFileTypes: true }).filter((entry) => !entry.isDirectory());
    const manifests = files.filter((entry) => /\.(yaml|yml|json)$/.test(entry.name)).map((entry) => entry.name);
    return manifests.sort().map((file) => join(name, file));
  });
}

/** Documents of a file, `-` for standard input. Throws `CliError` when it cannot be read, `ManifestSyntaxError` when it is not YAML. */
export function readDocuments(file: string): ParsedDocument[] {
  let content: Buffer;
  try {
    content = readBounded(file, MAX_MANIFEST_BYTES + 1);
  } catch (error) {
    throw new CliError(`${file}: cannot be read: ${(error as Error).message}`, {
      code: 'FileUnreadable',
      hint: 'name a file that is there and that you may read, or - for standard input',
    });
  }
  return parseManifests(content, file);
}

/** A device or a pipe without end must not fill the memory. */
function readBounded(file: string, limit: number): Buffer {
  const descriptor = file === '-' ? 0 : openSync(file, 'r');
  const parts: Buffer[] = [];
  let total = 0;
  try {
    while (total < limit) {
      const part = Buffer.allocUnsafe(Math.min(64 * 1024, limit - total));
      const bytes = readSync(descriptor, part, 0, part.length, null);
      if (bytes === 0) break;
      parts.push(part.subarray(0, bytes));
      total += bytes;
    }
    return Buffer.concat(parts);
  } finally {
    if (file !== '-') closeSync(descriptor);
  }
}
