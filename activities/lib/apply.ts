/** From a manifest to the message that its entity gets; the watcher and the CLI share it, so both mean the same. */
import { planFields } from '../../crds/fields.ts';
import { validateManifest } from '../../crds/validate.ts';
import type { BlobStore } from '../../sdk/storage/index.ts';
import type { ApplyMessage } from '../../workflows/lib/messages.ts';

interface Manifestlike {
  apiVersion?: string;
  kind?: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
  spec?: unknown;
}

/**
 * Stores the manifest as a blob (what belongs to it: name, labels, spec) and extracts what the workflow plans with.
 * An invalid manifest becomes a message too: its entity says in status which field is wrong.
 */
export async function composeApply(blobs: BlobStore, object: Manifestlike): Promise<Omit<ApplyMessage, 'origin'>> {
  const { name, namespace, labels } = object.metadata;
  const plain = {
    apiVersion: object.apiVersion,
    kind: object.kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), ...(labels === undefined ? {} : { labels }) },
    spec: object.spec,
  };
  const verdict = validateManifest(object);
  if (!verdict.ok) return { manifest: await blobs.put(JSON.stringify(plain)), invalid: verdict.errors };
  const manifest = await blobs.put(JSON.stringify({ ...plain, spec: verdict.manifest.spec }));
  return { manifest, fields: planFields(verdict.kind, verdict.manifest.spec) };
}
