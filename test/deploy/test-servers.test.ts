import { beforeAll, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { connectKube } from '../../activities/control/kube/client.ts';
import { describeKubernetes, describeTemporal, temporalAddress, testKubeconfig } from '../support/stack.ts';

describeTemporal('the shared Temporal server', () => {
  it('serves the default namespace', async () => {
    const connection = await Connection.connect({ address: temporalAddress() });
    try {
      const found = await new Client({ connection }).workflow.count('SednaKind = "Nothing"');
      expect(found.count).toBe(0);
    } finally {
      await connection.close();
    }
  });
});

describeKubernetes('the shared API server', () => {
  let kubeconfig: string;
  beforeAll(async () => {
    kubeconfig = await testKubeconfig();
  }, 60_000);

  it('says its version and knows the default namespace', async () => {
    const kube = connectKube(kubeconfig);
    expect((await kube.version.getCode()).gitVersion).toMatch(/^v1\./);
    expect((await kube.core.readNamespace({ name: 'default' })).metadata?.name).toBe('default');
  });

  it('is started once', async () => {
    expect(await testKubeconfig()).toBe(kubeconfig);
  });
});
