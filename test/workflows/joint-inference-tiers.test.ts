/** Tiers between edge and cloud: the real workflow on the real server, with local controllers' runtimes and worker processes. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { TestNamespace } from './support/namespace.ts';
import type { ServiceNode } from './support/service-node.ts';
import { ask, ServiceScene, type ServiceChange } from './support/service-scene.ts';

describeTemporal('a joint inference service with tiers', () => {
  let temporal: TestNamespace;
  let count = 0;
  let service: ServiceScene;
  let site: ServiceNode;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterEach(async () => {
    await service.end();
    await site.end();
  }, 60_000);
  afterAll(() => temporal.close());

  /** Cloud, edge and a node for the tier `site`, with all models. */
  async function scene(): Promise<void> {
    service = new ServiceScene(temporal, `jt-${++count}`);
    site = service.node(`${service.name}-site`, { 'sedna.io/tier': 'site', of: service.name });
    await Promise.all([service.start(), site.start()]);
    await Promise.all([
      service.applyModel('cloud', 'big'),
      service.applyModel('site', 'middle'),
      service.applyModel('edge', 'little'),
    ]);
  }

  const port = async (role: string): Promise<string> => new URL(await service.url(role)).port;
  const envOf = async (role: string) => (await ask(await service.url(role), '/env')).env ?? {};
  const withTier = (change: object = {}): ServiceChange => ({
    spec: { tiers: [service.tier('site', { node: site.name, ...change })] },
  });

  test('each set knows the one above it; the status has them all, and what each found hard', async () => {
    await scene();
    const tiers = [service.tier('site'), service.tier('region', { node: service.cloud.name, replicas: 2 })];
    await service.applyModel('region', 'large');
    await service.applyService({ spec: { tiers, mode: 'mining-then-inference', deferred: { enabled: true } } });
    const status = await service.status({
      phase: 'Running',
      replicas: '5/5',
      active: 4,
      node: service.edge.name,
      nodes: {
        edge: service.edge.name,
        'tier-site': site.name,
        'tier-region': service.cloud.name,
        cloud: service.cloud.name,
      },
    });
    expect((status['endpoints'] as { name: string }[]).map(({ name }) => name)).toEqual([
      'cloud',
      'tier-region',
      'tier-site',
      'edge',
    ]);
    const edge = await envOf('edge');
    expect(edge).toMatchObject({
      BIG_MODEL_PORT: await port('tier-site'),
      HEM_NAME: 'CrossEntropy',
      MINING_MODE: 'mining-then-inference',
      SEDNA_DEFERRED: '{"enabled":true}',
      SEDNA_PATIENCE_MS: '1500',
    });
    const own = await envOf('tier-site');
    expect(own).toMatchObject({
      SEDNA_TIER: 'site',
      BIG_MODEL_PORT: await port('tier-region'),
      BIG_MODEL_BIND_PORT: own['SEDNA_SERVE_PORT'],
      BIG_MODEL_BIND_IP: '127.0.0.1',
      HEM_NAME: 'Entropy',
      SEDNA_PATIENCE_MS: '1000',
    });
    // What was promised to a client, the edge has promised; a tier judges its own model's answers.
    for (const name of ['SEDNA_DEFERRED', 'MINING_MODE', 'SEDNA_HARD_EXAMPLES']) expect(own).not.toHaveProperty(name);
    const next = await envOf('tier-region');
    expect(next).toMatchObject({ SEDNA_TIER: 'region', BIG_MODEL_PORT: await port('cloud') });
    expect(next).not.toHaveProperty('SEDNA_PATIENCE_MS');
    expect(await envOf('cloud')).not.toHaveProperty('BIG_MODEL_PORT');

    const counts = (inferenceNumber: number, hardExampleNumber: number) =>
      JSON.stringify({ startTime: 'now', inferenceNumber, hardExampleNumber });
    await ask(await service.url('edge'), '/report', counts(8, 2));
    await ask(await service.url('tier-site'), '/report', counts(2, 1));
    await service.status({
      metrics: [{ value: '2' }, { value: '8' }, { key: 'uploadCloudRatio', value: '0.25' }],
      tiers: [
        { name: 'edge', ready: 1, wanted: 1, requests: 8, hard: 2, ratio: '0.2500' },
        { name: 'site', ready: 1, wanted: 1, requests: 2, hard: 1, ratio: '0.5000' },
        { name: 'region', ready: 2, wanted: 2 },
        { name: 'cloud', ready: 1, wanted: 1 },
      ],
      chain: 'edge 25% > site 50% > region > cloud',
    });
  }, 90_000);

  test('a tier is put into a chain that serves, taken out, and put in again: nobody asks one that does not serve, and no request fails', async () => {
    await scene();
    await service.applyService();
    await service.status({ phase: 'Running', replicas: '2/2' });
    const names = (await service.workers('edge')).map(({ name }) => name);
    const traffic = await service.load('edge', 2);
    // Its workers end at once: the edge goes on as it is.
    await service.applyModel('site', 'broken');
    await service.applyService(withTier());
    await service.status({ waitingFor: { reason: 'CrashLoopBackOff' } });
    expect((await envOf('edge'))['BIG_MODEL_PORT']).toBe(await port('cloud'));
    expect((await service.workers('edge')).map(({ name }) => name)).toEqual(names);
    await service.applyModel('site', 'mended');
    await service.status({ phase: 'Running', replicas: '3/3', waitingFor: null });
    expect((await envOf('edge'))['BIG_MODEL_PORT']).toBe(await port('tier-site'));

    await service.applyService();
    await service.status({ phase: 'Running', replicas: '2/2' });
    await eventually(async () => expect((await envOf('edge'))['BIG_MODEL_PORT']).toBe(await port('cloud')));
    await eventually(() => expect(site.runtime?.list()).toEqual([]), 40_000);
    const status = await service.status({ phase: 'Running', replicas: '2/2' });
    expect((status['workers'] as { role: string }[]).map(({ role }) => role)).toEqual(['cloud', 'edge']);
    expect(status).not.toHaveProperty('tiers');

    // An edit that is taken back: the same tier, under names that nobody has had.
    await service.applyService(withTier());
    await service.status({ phase: 'Running', replicas: '3/3', waitingFor: null });
    await eventually(async () => expect((await envOf('edge'))['BIG_MODEL_PORT']).toBe(await port('tier-site')), 30_000);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
  }, 120_000);

  test('tiers that change places: each asks its new neighbour in the end', async () => {
    await scene();
    await service.applyModel('region', 'large');
    const [lower, upper] = ['site', 'region'].map((name) => service.tier(name, { node: site.name }));
    await service.applyService({ spec: { tiers: [lower, upper] } });
    await service.status({ phase: 'Running', replicas: '4/4' });
    const traffic = await service.load('edge', 1);
    await service.applyService({ spec: { tiers: [upper, lower] } });
    await service.status({ observedGeneration: 2, phase: 'Running', replicas: '4/4', waitingFor: null });
    await eventually(async () => {
      const asks = async (role: string) => (await envOf(role))['BIG_MODEL_PORT'];
      expect(await asks('edge')).toBe(await port('tier-region'));
      expect(await asks('tier-region')).toBe(await port('tier-site'));
      expect(await asks('tier-site')).toBe(await port('cloud'));
    }, 30_000);
    await traffic.stop();
    expect(traffic.failures).toEqual([]);
  }, 90_000);

  test('a tier that moves to another node: the edge follows, and what was left is removed only then', async () => {
    await scene();
    const other = service.node(`${service.name}-other`, { 'sedna.io/tier': 'site' });
    await other.start();
    try {
      await service.applyService(withTier());
      await service.status({ phase: 'Running', replicas: '3/3' });
      const before = await port('tier-site');
      await service.applyService(withTier({ node: other.name }));
      await service.status({ phase: 'Running', nodes: { 'tier-site': other.name } });
      expect(await port('tier-site')).not.toBe(before);
      await eventually(async () => expect((await envOf('edge'))['BIG_MODEL_PORT']).toBe(await port('tier-site')));
      await eventually(() => expect(site.runtime?.list()).toEqual([]), 40_000);
      expect(await ask(await service.url('tier-site'))).toMatchObject({ model: 'middle' });
    } finally {
      await service.say('remove');
      await other.end();
    }
  }, 120_000);
});
