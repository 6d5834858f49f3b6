import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { WorkerOptions } from '@temporalio/worker';
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
  let bury = (): void => undefined;
  // Without its process there are no heartbeats, which is what the first one looks like here.
  const killed = new SlowCluster(() => new Promise<void>((resolve) => (bury = resolve)));
  const slow = new SlowCluster(() => delay(11_000));
  const namespaces: TestNamespace[] = [];

  /** Both at once: either takes longer than heartbeats may be missed. */
  beforeAll(async () => {
    await begin(killed);
    await begin(slow, { interceptors: { activity: [heartbeats] } });
  }, 30_000);
  afterAll(async () => {
    for (const namespace of namespaces) await namespace.close();
  });

  async function begin(cluster: SlowCluster, options: Partial<WorkerOptions> = {}): Promise<void> {
    const namespace = await TestNamespace.open();
    namespaces.push(namespace);
    await namespace.control(cluster, options);
    await namespace.apply(
      { kind: 'Model', namespace: 'default', name: 'm' },
      { origin: 'kubernetes', uid: 'u-1', generation: 1, fields: { url: '/m.onnx', format: 'onnx' } },
    );
  }

  test('that a killed manager had begun is begun again when its heartbeats are missed', async () => {
    await eventually(() => expect(killed.status('u-1')).toMatchObject({ phase: 'Initial' }), 20_000);
    expect(killed.begun).toBeGreaterThan(1);
    bury();
  }, 40_000);

  test('that takes longer than heartbeats may be missed is begun once', async () => {
    await eventually(() => expect(slow.status('u-1')).toMatchObject({ phase: 'Initial' }), 30_000);
    expect(slow.begun).toBe(1);
  }, 40_000);
});
