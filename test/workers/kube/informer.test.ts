import { afterEach, expect, test } from '@jest/globals';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { connectKube } from '../../../activities/control/kube/client.ts';
import { findKind } from '../../../crds/registry.ts';
import { KindInformer, waitAfter } from '../../../workers/kube/informer.ts';
import { logger } from '../../../workers/lib/log.ts';
import { eventually } from '../../support/eventually.ts';

const waits = (listed: boolean): number[] => {
  const all = [500];
  while (all.length < 9) all.push(waitAfter(all.at(-1) ?? 0, listed));
  return all;
};

test('who has no list yet waits for seconds, who had one for half a minute at most', () => {
  expect(waits(false)).toEqual([500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000]);
  expect(waits(true).at(-1)).toBe(30_000);
});

let server: Server | undefined;
let informer: KindInformer | undefined;
afterEach(async () => {
  await informer?.stop();
  server?.closeAllConnections();
  server?.close();
});

test('an API server that is still beginning: said once, and listed when it is there', async () => {
  let asked = 0;
  server = createServer((request, response) => {
    if (request.url?.includes('watch=')) return;
    asked += 1;
    const beginning = { kind: 'Status', code: 429, message: 'storage is (re)initializing' };
    const list = { apiVersion: 'sedna.io/v1alpha1', kind: 'ModelList', metadata: { resourceVersion: '1' }, items: [] };
    response.writeHead(asked < 4 ? 429 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(asked < 4 ? beginning : list));
  });
  await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
  const said: string[] = [];
  const before = logger.warn;
  logger.warn = ((_facts: object, message: string) => void said.push(message)) as typeof logger.warn;
  try {
    const model = findKind('Model');
    if (model === undefined) throw new Error('no kind Model');
    informer = new KindInformer(connectKube(kubeconfig((server.address() as AddressInfo).port)), model, {
      changed: () => undefined,
      deleted: () => undefined,
    });
    informer.start();
    await eventually(() => expect(informer?.ready).toBe(true), 20_000);
  } finally {
    logger.warn = before;
  }
  expect(asked).toBeGreaterThanOrEqual(4);
  expect(said).toEqual([expect.stringContaining('answers 429: storage is (re)initializing')]);
});

function kubeconfig(port: number): string {
  const name = 'here';
  const file = join(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? '', 'informer-')), 'kubeconfig');
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  writeFileSync(file, stringify(content));
  return file;
}
