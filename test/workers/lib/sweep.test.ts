import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { existsSync, mkdirSync } from 'node:fs';
import { noteOwner, serviceState, setState } from '../../../activities/edge/lib/service-state.ts';
import { sweepOwners } from '../../../workers/lib/sweep.ts';
import { ProcessNode } from '../../activities/support/process-node.ts';
import { describeTemporal } from '../../support/stack.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';

describeTemporal('what is left on a node', () => {
  let temporal: TestNamespace;
  let node: ProcessNode;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());
  beforeEach(async () => {
    node = await new ProcessNode().start();
  });
  afterEach(() => node.close());

  test('of services that are gone is removed, also when nobody remembers a worker of theirs', async () => {
    const ref = { kind: 'Model', namespace: 'default', name: 'there' };
    await temporal.apply(ref, { fields: {} });
    const { metadata } = (await temporal.view(ref)) ?? {};
    const owners = [
      { ...ref, uid: metadata?.uid ?? '' },
      { ...ref, uid: 'of-its-predecessor' },
      { kind: 'JointInferenceService', namespace: 'default', name: 'gone', uid: 'u-1' },
    ];
    for (const owner of owners) {
      mkdirSync(setState(node.stateDir, owner, 'edge'), { recursive: true });
      await noteOwner(node.stateDir, owner);
    }
    await sweepOwners(temporal.client, node.deps);
    expect(owners.map((owner) => existsSync(serviceState(node.stateDir, owner)))).toEqual([true, false, false]);
  }, 60_000);
});
