import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { entityId, residentQueue } from '../../../workflows/lib/ids.ts';
import { HeldActivities } from '../../../workers/lib/held.ts';
import { eventually } from '../../support/eventually.ts';
import { describeTemporal } from '../../support/stack.ts';
import { TestNamespace } from '../../workflows/support/namespace.ts';

describeTemporal('what a killed local controller held', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  test('is given out again as soon as it is back, once', async () => {
    const stateDir = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'held-'));
    const dataset = { kind: 'Dataset', namespace: 'default', name: 'held' };
    let begun = 0;
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const watchDataset = async (): Promise<void> => {
      begun += 1;
      await ended;
    };
    await temporal.work({
      taskQueue: residentQueue('edge-held'),
      activities: { watchDataset },
      interceptors: { activity: [new HeldActivities(stateDir).interceptor] },
    });
    await temporal.apply(dataset, { fields: { url: '/data.txt', format: 'txt', nodeName: 'edge-held' } });
    await eventually(() => expect(begun).toBe(1), 10_000);

    // The next process: the first one never answered.
    const next = new HeldActivities(stateDir);
    const left = next.left();
    expect(left).toHaveLength(1);
    await next.giveBack(temporal.client, left);
    await eventually(() => expect(begun).toBe(2), 10_000);

    // What the server gave out again meanwhile is not taken from whoever has it.
    expect(readdirSync(join(stateDir, 'held'))).toHaveLength(1);
    await next.giveBack(temporal.client, left);
    const { raw } = await temporal.client.workflow.getHandle(entityId(dataset)).describe();
    expect(raw.pendingActivities?.map(({ attempt }) => attempt)).toEqual([2]);
    end();
  }, 60_000);

  test('a damaged note is put aside', async () => {
    const stateDir = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'held-'));
    const held = new HeldActivities(stateDir);
    writeFileSync(join(stateDir, 'held', 'torn'), 'no token');
    await held.giveBack(temporal.client, held.left());
    expect(held.left()).toEqual([]);
  });
});
