/** The node's disk is full in the middle of a training: that is the node's doing, not the client's, which is asked again. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainClientInput } from '../../../activities/contracts.ts';
import { taskFiles } from '../../../activities/edge/tasks.ts';
import { createTrainClient, taskId } from '../../../activities/edge/train-client.ts';
import { eventually } from '../../support/eventually.ts';
import { noSmallDisks, SmallDisk } from '../../support/small-disk.ts';
import { FederatedNode, newPlace } from '../support/federated-node.ts';

const missing = noSmallDisks();
if (missing !== undefined) process.stderr.write(`tests of full disks are skipped: ${missing}\n`);

(missing === undefined ? describe : describe.skip)('a full disk', () => {
  let disk: SmallDisk;
  let node: FederatedNode;
  beforeEach(async () => {
    const place = await newPlace();
    disk = new SmallDisk(join(place.directory, 'state'), 8);
    // What the worker says would find no room either, and the test waits for it.
    mkdirSync(join(place.directory, 'logs'));
    symlinkSync(join(place.directory, 'logs'), join(place.directory, 'state', 'logs'));
    node = await new FederatedNode(place).start();
  });
  afterEach(async () => {
    disk.free();
    await node.close().finally(() => disk.close());
  });

  const filesOf = (input: TrainClientInput) =>
    taskFiles(node.stateDir, input.worker.owner, input.worker.name, taskId(input));

  test('a worker that could not keep its update is not refused: it is asked again, and answers the same', async () => {
    const input = await node.input({ settings: { epochs: 4 }, env: { STEP_MS: '60' } });
    const undisturbed = await node.train({ ...input, identity: { ...input.identity, round: 9 } });
    const first = node.train(input);
    first.catch(() => undefined);
    await eventually(() => expect(existsSync(filesOf(input).checkpoint)).toBe(true));
    disk.fill();
    // What the worker removes meanwhile gives no room either: another name holds its last checkpoint, and the rest is taken at once.
    linkSync(filesOf(input).checkpoint, join(node.stateDir, '.held'));
    const filling = setInterval(() => disk.fill(), 5);
    const log = join(node.stateDir, 'logs', `${input.worker.name}.log`);
    await eventually(() => expect(readFileSync(log, 'utf8')).toContain('Error: ENOSPC'), 20_000).finally(() => {
      clearInterval(filling);
      rmSync(join(node.stateDir, '.held'));
      disk.free();
    });
    await expect(first).rejects.toMatchObject({ type: 'DiskFull', nonRetryable: false });
    expect(node.news.at(-1)).toMatchObject({ state: 'Retrying', problem: { reason: 'DiskFull' } });
    const { accepted } = { accepted: undefined, ...undisturbed };
    expect(await node.train(input)).toMatchObject({ accepted: { blob: accepted?.blob, samples: 200 } });
  }, 60_000);

  test('is told before any worker runs, ever more rarely, and not taken back by the attempts after it', async () => {
    const input = await node.input();
    mkdirSync(filesOf(input).directory, { recursive: true });
    disk.fill();
    const { trainClient } = createTrainClient(node.deps);
    const told: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt++) {
      const before = node.news.length;
      const run = node.environment(attempt).run(trainClient, input);
      await expect(run).rejects.toMatchObject({
        type: 'DiskFull',
        message: expect.stringContaining('ENOSPC') as unknown,
      });
      const problem = { reason: 'DiskFull', message: expect.stringContaining('no space left on this node') as unknown };
      if (node.news.length > before) told.push(attempt);
      expect(node.news.at(-1)).toMatchObject({ client: '00', node: 'edge-1', state: 'Retrying', problem });
    }
    expect(told).toEqual([1, 2, 4, 8]);
  }, 60_000);
});
