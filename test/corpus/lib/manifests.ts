import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parseManifests } from '../../../crds/parse.ts';

export interface Case {
  /** File and line, for the test's name. */
  name: string;
  value: Record<string, unknown>;
}

export interface RefusedCase extends Case {
  path: string;
  /** The platform refuses what the API server cannot judge. */
  apiServerAccepts: boolean;
}

const DIRECTORY = path.join(import.meta.dirname, '..', 'manifests');

function read(kind: 'accept' | 'refuse'): Case[] {
  const directory = path.join(DIRECTORY, kind);
  return readdirSync(directory)
    .sort()
    .flatMap((file) => parseManifests(readFileSync(path.join(directory, file)), file))
    .map(({ source, line, value }) => ({ name: `${source}:${line}`, value: value as Record<string, unknown> }));
}

export const accepted: Case[] = read('accept');

export const refused: RefusedCase[] = read('refuse').map((found) => {
  const { annotations } = found.value.metadata as { annotations: Record<string, string> };
  const at = annotations['test/refused-at'];
  if (!at) throw new Error(`${found.name}: has no annotation test/refused-at`);
  const apiServerAccepts = annotations['test/api-server'] === 'accepts';
  return { ...found, name: `${found.name} ${at}`, path: at, apiServerAccepts };
});
