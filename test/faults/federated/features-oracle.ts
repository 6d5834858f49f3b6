/** What must hold of features that clients hand over once (MistNet), whoever died meanwhile. Judged by history and by the blob store. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { clients } from './trainer/points.ts';
import type { RunHistory } from './history.ts';

/** Each client's features were accepted once, and are what the head was trained on. */
export function featuresOnce({ trainings, heads }: RunHistory): string[] {
  const accepted = trainings.flatMap(({ result }) =>
    result !== undefined && 'accepted' in result ? [result.accepted] : [],
  );
  const wanted = Array.from({ length: clients }, (_, client) => String(client).padStart(2, '0'));
  const found: string[] = [];
  const senders = accepted.map(({ client }) => client).sort();
  if (senders.join() !== wanted.join()) found.push(`features of clients ${senders.join()} were accepted`);
  const digests = new Map(accepted.map(({ client, blob }) => [client, blob.sha256]));
  for (const { input } of heads) {
    const strange = input.updates.filter(({ client, blob }) => digests.get(client) !== blob.sha256);
    if (strange.length > 0 || input.updates.length !== clients)
      found.push(`the head was trained on other features than those that were accepted: ${JSON.stringify(strange)}`);
  }
  return found;
}

/** With noise a second encoding is another file, and would tell more of the same samples: the store has one of each client. */
export function featuresLeftOnce(blobs: string): string[] {
  // Not what was only staged, by one who was killed while it stored a set: a copy of it, which tells no more.
  const files = readdirSync(join(blobs, 'sha256'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const sets = files.filter(isEncodedSet);
  return sets.length === clients ? [] : [`${sets.length} files of features have left the nodes of ${clients} clients`];
}

/** safetensors of exactly bits and labels: eight bytes of length, then the header. */
function isEncodedSet(file: string): boolean {
  const bytes = readFileSync(file);
  if (bytes.length < 8) return false;
  const length = bytes.readBigUInt64LE();
  if (length > BigInt(bytes.length - 8)) return false;
  try {
    const { __metadata__: _, ...tensors } = JSON.parse(bytes.toString('utf8', 8, 8 + Number(length))) as object &
      Record<string, unknown>;
    return Object.keys(tensors).sort().join() === 'bits,labels';
  } catch {
    return false; // Another kind of file.
  }
}
