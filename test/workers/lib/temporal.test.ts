import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { connectTemporal, type TemporalConnections } from '../../../workers/lib/temporal.ts';
import { TcpProxy } from '../../faults/lib/proxy.ts';
import { eventually } from '../../support/eventually.ts';
import { describeTemporal } from '../../support/stack.ts';

describeTemporal('a connection whose link was away for longer than anybody hopes', () => {
  let link: TcpProxy;
  let temporal: TemporalConnections;
  beforeAll(async () => {
    const [host = '', port = ''] = (process.env['TEST_TEMPORAL_ADDRESS'] ?? '').split(':');
    link = await new TcpProxy({ host, port: Number(port) }).listen();
    process.env['TEMPORAL_ADDRESS'] = `127.0.0.1:${link.port}`;
    temporal = await connectTemporal(new AbortController().signal);
  });
  afterAll(async () => {
    await temporal.close();
    await link.close();
  });

  const ask = () => {
    const { connection } = temporal.client;
    return connection.withDeadline(Date.now() + 1_000, () => connection.workflowService.getSystemInfo({}));
  };

  test('is there again within seconds', async () => {
    await ask();
    link.set('cut');
    const until = performance.now() + 20_000;
    while (performance.now() < until) {
      await expect(ask()).rejects.toThrow();
      await delay(250);
    }
    link.set('pass');
    await eventually(ask, 5_000);
  }, 60_000);
});
