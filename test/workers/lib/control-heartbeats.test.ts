import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import type { WriteStatusInput } from '../../../activities/contracts.ts';
import { heartbeats } from '../../../workers/lib/control-worker.ts';
import { eventually } from '../../support/eventually.ts';
import { describeTemporal } from '../../support/stack.ts';
import { Cluster } from '../../workflows/support/cluster.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';

/** The first write of a status takes as long as `first`. */
class SlowCluster extends Cluster {
  begun = 0;
  readonly #first: () => Promise<unknown>;

  constructor(first: () => Promise<unknown>) {
    super();
    this.#first = first;
  }

  override async writeStatus(input: WriteStatusInput): Promise<void> {
    this.begun += 1;
    if (this.begun === 1) await this.#first();
    await super.writeStatus(input);
  }
}

describeTemporal('a write of a status', () => {
  const namespaces: TestNamespace[] = [];
  const open = async (): Promise<TestNamespace> => {
    const namespace = await TestNamespace.open();
    namespaces.push(namespace);
    return namespace;
  };
  let [killed, slow]: TestNamespace[] = [];
  beforeAll(async () => void ([killed, slow] = [await open(), await open()]));
  afterAll(async () => {
    for (const namespace of namespaces) await namespace.close();
  });

  const apply = (namespace: TestNamespace | undefined) =>
    namespace?.apply(
      { kind: 'Model', namespace: 'default', name: 'm' },
      { origin: 'kubernetes', uid: 'u-1', generation: 1, fields: { url: '/m.onnx', format: 'onnx' } },
    );

  // Without its process there are no heartbeats, which is what the first one looks like here.
  test('that a killed manager had begun is begun again when its heartbeats are missed', async () => {
    let bury = (): void => undefined;
    const cluster = new SlowCluster(() => new Promise<void>((resolve) => (bury = resolve)));
    await killed?.control(cluster);
    await apply(killed);
    await eventually(() => expect(cluster.status('u-1')).toMatchObject({ phase: 'Initial' }), 20_000);
    expect(cluster.begun).toBeGreaterThan(1);
    bury();
  }, 40_000);

  test('that takes longer than heartbeats may be missed is begun once', async () => {
    const cluster = new SlowCluster(() => delay(11_000));
    await slow?.control(cluster, { interceptors: { activity: [heartbeats] } });
    await apply(slow);
    await eventually(() => expect(cluster.status('u-1')).toMatchObject({ phase: 'Initial' }), 30_000);
    expect(cluster.begun).toBe(1);
  }, 40_000);
});
