import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StandaloneStore } from '../../cli/lib/standalone-store.ts';
import { API_VERSION } from '../../crds/lib/kind.ts';
import { openBlobStore } from '../../sdk/storage/index.ts';
import { describeTemporal } from '../support/stack.ts';
import { TestNamespace } from '../workflows/support/namespace.ts';

describeTemporal('objects whose manifests are blobs', () => {
  let temporal: TestNamespace;
  let objects: StandaloneStore;
  const ref = (name: string) => ({ kind: 'Model', namespace: 'default', name });

  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
    objects = new StandaloneStore(
      temporal.client,
      openBlobStore(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? '/tmp', 'store-'))),
    );
    for (const name of ['kept', 'lost']) {
      const spec = { url: `/models/${name}.onnx`, format: 'onnx' };
      await objects.apply({ apiVersion: API_VERSION, kind: 'Model', metadata: { name }, spec });
      await temporal.view(ref(name), ({ status }) => expect(status).toMatchObject({ observedGeneration: 1 }));
    }
  }, 60_000);
  afterAll(() => temporal.close());

  test('one whose manifest is lost is in the list with its status, beside the others', async () => {
    const { manifest } = await temporal.view(ref('lost'), () => undefined);
    rmSync(fileURLToPath(manifest?.uri ?? ''));
    const listed = await objects.list('Model', 'default');
    expect(listed.sort((a, b) => a.metadata.name.localeCompare(b.metadata.name))).toMatchObject([
      { kind: 'Model', metadata: { name: 'kept' }, spec: { format: 'onnx' }, status: { observedGeneration: 1 } },
      { kind: 'Model', metadata: { name: 'lost' }, spec: {}, status: { observedGeneration: 1 } },
    ]);
    await expect(objects.get(ref('lost'))).rejects.toMatchObject({ code: 'BlobNotFound' });
  }, 60_000);
});
