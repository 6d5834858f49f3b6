import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createControlActivities } from '../../../activities/control/control.ts';
import { createControlWorker } from '../../../workers/lib/control-worker.ts';
import { logger } from '../../../workers/lib/log.ts';
import { ended } from '../../../workers/lib/shutdown.ts';
import { controlQueue } from '../../../workflows/lib/ids.ts';
import { eventually } from '../../support/eventually.ts';
import { describeTemporal, workflowBundlePath } from '../../support/stack.ts';
import { Cluster } from '../../workflows/support/cluster.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';

class HangingCluster extends Cluster {
  isAsked = false;
  /** What the SDK's core still waits for would keep the process of the tests. */
  letGo = (): void => undefined;

  override writeStatus(): Promise<void> {
    this.isAsked = true;
    return new Promise((resolve) => (this.letGo = resolve));
  }
}

describeTemporal('a worker of a manager that is ended by force', () => {
  let temporal: TestNamespace;

  beforeAll(async () => {
    logger.level = 'silent';
    temporal = await TestNamespace.open();
  }, 60_000);
  afterAll(() => temporal.close());

  test('says that no harm is done where it was told to stop, and what it died of where it was not', async () => {
    const cluster = new HangingCluster();
    const worker = await createControlWorker({
      connection: temporal.native,
      namespace: temporal.name,
      taskQueue: controlQueue,
      workflowBundle: { codePath: workflowBundlePath() },
      activities: createControlActivities(temporal.client, cluster),
      shutdownGraceTime: '10ms',
      shutdownForceTime: '100ms',
    });
    const running = worker.run();
    const forced = expect(running).rejects.toThrow();
    await temporal.apply(
      { kind: 'Model', namespace: 'default', name: 'm' },
      { origin: 'kubernetes', uid: 'u-1', generation: 1, fields: { url: '/m.onnx', format: 'onnx' } },
    );
    await eventually(() => expect(cluster.isAsked).toBe(true), 30_000);
    worker.shutdown();
    await forced;
    await expect(ended(running, AbortSignal.abort())).rejects.toThrow('it will be done again');
    await expect(ended(running, new AbortController().signal)).rejects.not.toThrow('it will be done again');
    cluster.letGo();
  }, 60_000);
});

test('any other error of a worker is told as it is', async () => {
  await expect(ended(Promise.reject(new Error('lost')), AbortSignal.abort())).rejects.toThrow('lost');
});
