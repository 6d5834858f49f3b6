import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { describeTemporal } from '../support/stack.ts';
import { FederatedScene, type FederatedChange } from './support/federated.ts';
import { TestNamespace } from './support/namespace.ts';

const never = () => new Promise<never>(() => undefined);

describeTemporal('a job without a file to begin with', () => {
  let temporal: TestNamespace;
  beforeAll(async () => {
    temporal = await TestNamespace.open();
    await temporal.control();
  }, 60_000);
  afterAll(() => temporal.close());

  const begin = async (scene: FederatedScene, change: FederatedChange = {}): Promise<void> => {
    await Promise.all([
      scene.applyModel(),
      scene.applyJob(change),
      ...scene.clients.map((_, i) => scene.applyDataset(i)),
    ]);
  };
  const first = (scene: FederatedScene): string[] =>
    scene.tasks.filter(({ task }) => task === 'Weights').map(({ identity }) => identity.client);

  test('a client that refuses its first weights holds up nobody: the next one is asked', async () => {
    const scene = await new FederatedScene(temporal, 'refusing', 3).start();
    scene.answer = (input) =>
      input.task === 'Weights' && input.identity.client === '00'
        ? { refused: { reason: 'NotFinite', message: 'w holds NaN' }, client: '00', node: 'refusing-0' }
        : scene.update(input);
    await begin(scene, { rounds: { total: 1 } });
    await scene.status({ phase: 'Succeeded', round: '1/1' }, 30_000);
    expect(first(scene)).toEqual(['00', '01']);
    await scene.stop();
  }, 60_000);

  test('where all refuse, the job says why, and retry asks again', async () => {
    const scene = await new FederatedScene(temporal, 'empty', 2).start();
    let isMended = false;
    scene.answer = (input) =>
      isMended
        ? scene.update(input)
        : { refused: { reason: 'NotFinite', message: 'w holds NaN' }, client: input.identity.client, node: '' };
    await begin(scene, { rounds: { total: 1 } });
    await scene.status(
      {
        phase: 'Failed',
        waitingFor: {
          reason: 'NotFinite',
          message:
            'no client hands over weights to begin with: client 00 was refused: w holds NaN; client 01 was refused: w holds NaN',
        },
      },
      30_000,
    );
    isMended = true;
    await temporal.signal(scene.ref, 'retry');
    await scene.status({ phase: 'Succeeded' }, 30_000);
    await scene.stop();
  }, 60_000);

  test('a silent client is named, the next one is asked after a while, and the round closes with the others', async () => {
    const scene = await new FederatedScene(temporal, 'silent', 2).start();
    await scene.clients[0]?.stop();
    await begin(scene, { rounds: { total: 1, minClientsToStart: 2, deadlineMs: 1_000, quorum: { minAvailable: 1 } } });
    await scene.status(
      {
        phase: 'Running',
        stage: 'Starting',
        waitingFor: { reason: 'NodeSilent', missing: ['00'], have: 0, need: 1 },
      },
      30_000,
    );
    // Its end waits for the silent trainer to be dismissed, for a while.
    await scene.status({ lastRound: { clients: 1 } }, 60_000);
    expect(first(scene)).toEqual(['01']);
    await scene.stop();
  }, 120_000);

  test('stop and edits are heard meanwhile', async () => {
    const scene = await new FederatedScene(temporal, 'waiting', 1).start();
    scene.answer = () => never();
    await begin(scene, { rounds: { total: 1 } });
    await scene.status({ stage: 'Starting', waitingFor: { reason: 'Collecting', missing: ['00'] } }, 30_000);
    await temporal.signal(scene.ref, 'stop');
    await scene.status({ phase: 'Stopped', stage: null }, 30_000);
    await temporal.signal(scene.ref, 'resume');
    await scene.status({ stage: 'Starting', waitingFor: { reason: 'Collecting' } }, 30_000);
    scene.answer = (input) => scene.update(input);
    await scene.applyJob({ rounds: { total: 2 } });
    await scene.status({ phase: 'Succeeded', round: '2/2' }, 30_000);
    await scene.stop();
  }, 120_000);
});
