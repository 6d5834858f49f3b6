/** Real processes, killed with SIGKILL in mid-training. What is left must be what an undisturbed run leaves. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { readStackState } from '../../deploy/local/state.ts';
import { signal } from '../../workers/lib/process.ts';
import { DigitsStack } from '../support/digits-stack.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';

const stages = (conditions: { stage?: string; type: string }[]): string[] =>
  conditions.filter(({ stage }) => stage !== undefined).map(({ stage, type }) => `${stage}/${type}`);

/** A round takes so long that nobody need look more often. */
const lookMs = 250;

describeTemporal('killed in mid-training', () => {
  const stack = new DigitsStack('killed');

  beforeAll(async () => {
    await stack.up();
    // Long enough that every kill below hits a running training.
    await stack.cli('apply', '-f', stack.manifest(500));
    await stack.cli('wait', 'il/digits', '--for=condition=Available', '--timeout', '60s');
  }, 180_000);

  afterAll(() => stack.down(), 60_000);

  it('finishes the round through the death of GM, Temporal, the training worker and the edge LC', async () => {
    stack.feed(500);
    await stack.stage('Train', 'Running');
    const serving = (await stack.status()).inference?.pid ?? 0;

    const gm = stack.kill('gm');
    await stack.restarted('gm', gm);
    stack.kill('temporal');
    // The training knows nothing of all this.
    expect(stack.workers('edge-1', 'train.ts')).toHaveLength(1);

    const [trainer] = stack.workers('edge-1', 'train.ts');
    if (trainer === undefined) throw new Error('no training worker');
    signal(trainer, 'SIGKILL');
    // Another attempt, by itself; it goes on from the checkpoint.
    const [second] = await eventually(
      () => {
        const now = stack.workers('edge-1', 'train.ts');
        expect(now).toHaveLength(1);
        expect(now[0]?.pid).not.toBe(trainer.pid);
        return now;
      },
      60_000,
      lookMs,
    );

    const controller = stack.kill('lc/edge-1');
    await stack.restarted('lc/edge-1', controller);
    // Adopted, not started again.
    expect(stack.workers('edge-1', 'train.ts')).toEqual([second]);

    const status = await eventually(
      async () => {
        const now = await stack.status();
        expect(now.lastRound).toMatchObject({ round: 1, deployed: true });
        return now;
      },
      120_000,
      lookMs,
    );
    expect(status).toMatchObject({ round: 1, usedSamples: 500, lastRound: { samples: 400 } });
    expect(status.inference).toMatchObject({ pid: serving, restarts: 0 });
    expect(stages(status.conditions)).toEqual([
      'Train/Waiting',
      'Train/Ready',
      'Train/Starting',
      'Train/Running',
      'Train/Completed',
      'Eval/Waiting',
      'Eval/Ready',
      'Eval/Starting',
      'Eval/Running',
      'Eval/Completed',
      'Deploy/Waiting',
      'Deploy/Ready',
      'Deploy/Starting',
      'Deploy/Running',
      'Deploy/Completed',
      'Train/Waiting',
    ]);
  }, 240_000);

  it('counts every sample once, over the next round too', async () => {
    // Nobody dies in this round: it may be short.
    await stack.cli('apply', '-f', stack.manifest(5));
    stack.feed(500);
    await eventually(async () => expect((await stack.status()).lastRound?.round).toBe(2), 120_000, lookMs);
    const status = await stack.status();
    expect(status).toMatchObject({ round: 2, usedSamples: 1000 });
    const trained = [...stack.samples(1, 'train'), ...stack.samples(2, 'train')];
    expect(trained).toHaveLength(800);
    expect(new Set(trained).size).toBe(800);
    const judged = stack.samples(2, 'eval');
    expect(judged).toHaveLength(200);
    expect(trained.filter((sample) => judged.includes(sample))).toEqual([]);
    const model = (await stack.status('digits-deployed', 'model')) as unknown as {
      versions: { lineage: { round: number } }[];
    };
    expect(model.versions.map(({ lineage }) => lineage.round)).toEqual([1, 2]);
  }, 150_000);

  it('leaves nothing behind when it is deleted', async () => {
    await stack.cli('delete', '-f', stack.manifest());
    await eventually(() => expect(stack.workers('edge-1')).toEqual([]));
    const connection = await Connection.connect({ address: readStackState(stack.cwd)?.temporal.address });
    try {
      const client = new Client({ connection });
      await eventually(async () => {
        const open: string[] = [];
        for await (const { workflowId } of client.workflow.list({ query: 'ExecutionStatus = "Running"' }))
          open.push(workflowId);
        expect(open.sort()).toEqual(['sedna/node/cloud-1', 'sedna/node/edge-1', 'sedna/node/edge-2']);
      });
    } finally {
      await connection.close();
    }
  }, 60_000);
});
