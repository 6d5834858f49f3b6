import { beforeAll, expect, test } from '@jest/globals';
import { ApiException, ApiextensionsV1Api, CustomObjectsApi, KubeConfig } from '@kubernetes/client-node';
import { planFields } from '../../crds/fields.ts';
import { customResourceDefinition } from '../../crds/lib/custom-resource-definition.ts';
import { kinds, requireKind } from '../../crds/registry.ts';
import { validateManifest } from '../../crds/validate.ts';
import { describeKubernetes, testKubeconfig } from '../support/stack.ts';
import { accepted, refused } from '../corpus/lib/manifests.ts';

interface StatusBody {
  message: string;
}

describeKubernetes('a real API server', () => {
  let config: KubeConfig;

  beforeAll(async () => {
    config = new KubeConfig();
    config.loadFromFile(await testKubeconfig());
  }, 90_000);

  /** Asks without creating anything, as strictly as kubectl does. */
  async function dryRun(value: Record<string, unknown>): Promise<{ object?: unknown; problem?: string }> {
    const { plural } = requireKind(value.kind as string);
    try {
      const object: unknown = await config.makeApiClient(CustomObjectsApi).createNamespacedCustomObject({
        group: 'sedna.io',
        version: 'v1alpha1',
        namespace: 'default',
        plural,
        body: value,
        dryRun: 'All',
        fieldValidation: 'Strict',
      });
      return { object };
    } catch (error) {
      if (!(error instanceof ApiException)) throw error;
      const body = error.body as string | StatusBody;
      return { problem: (typeof body === 'string' ? (JSON.parse(body) as StatusBody) : body).message };
    }
  }

  test('takes every definition as structural', async () => {
    const api = config.makeApiClient(ApiextensionsV1Api);
    for (const kind of kinds) {
      const { name } = customResourceDefinition(kind).metadata;
      const { status, spec } = await api.readCustomResourceDefinition({ name });
      expect(status?.conditions?.filter(({ type }) => type === 'NonStructuralSchema')).toEqual([]);
      expect(spec.names.shortNames ?? []).toEqual(kind.shortNames);
    }
  });

  test.each(accepted)('accepts $name with the same result', async ({ value }) => {
    const { object, problem } = await dryRun(value);
    expect(problem).toBeUndefined();
    const verdict = validateManifest(value);
    // Through JSON, as everything that is stored: -0 is 0 there.
    const spec: unknown = JSON.parse(JSON.stringify(verdict.ok ? verdict.manifest.spec : verdict));
    expect((object as { spec: unknown }).spec).toEqual(spec);
    expect(planFields(value.kind as string, (object as { spec: unknown }).spec)).toEqual(
      planFields(value.kind as string, spec),
    );
  });

  test.each(refused.filter(({ apiServerAccepts }) => !apiServerAccepts))('refuses $name', async ({ value, path }) => {
    const { problem } = await dryRun(value);
    expect(problem).toContain(path);
  });

  test.each(refused.filter(({ apiServerAccepts }) => apiServerAccepts))('cannot judge $name', async ({ value }) => {
    expect(await dryRun(value)).not.toHaveProperty('problem');
  });
});
