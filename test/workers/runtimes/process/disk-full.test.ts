/** The disk of the local controller's own files is full: nothing is lost, workers go on and are started again, reports wait. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signal, startTime } from '../../../../workers/lib/process.ts';
import { WorkerStore } from '../../../../workers/runtimes/process/store.ts';
import { ProcessNode } from '../../../activities/support/process-node.ts';
import { eventually } from '../../../support/eventually.ts';
import { noSmallDisks, SmallDisk } from '../../../support/small-disk.ts';

const missing = noSmallDisks();
if (missing !== undefined) process.stderr.write(`tests of full disks are skipped: ${missing}\n`);

(missing === undefined ? describe : describe.skip)('a full disk', () => {
  let disk: SmallDisk;
  let node: ProcessNode;
  beforeEach(async () => {
    node = await new ProcessNode((stateDir) => (disk = new SmallDisk(stateDir, 2))).start();
  });
  afterEach(async () => {
    disk.free();
    await node.close().finally(() => disk.close());
  });

  const pidOf = (name: string): Promise<number> =>
    eventually(() => {
      const view = node.runtime.get(name);
      if (view?.pid === undefined) throw new Error(`${name} does not run`);
      return view.pid;
    });

  test('a report is not accepted until it can be kept', async () => {
    const worker = await node.worker('hangs');
    const ended = node.run(worker);
    await pidOf(worker.name);
    const model = join(node.directory, 'model.onnx');
    writeFileSync(model, 'weights');
    const body = JSON.stringify({
      name: worker.name,
      kind: 'train',
      status: 'completed',
      results: [{ format: '', url: model, metrics: { notes: Array.from({ length: 9_000 }, (_, i) => i) } }],
    });
    const post = (): Promise<Response> =>
      fetch(`${node.address}/sedna/workers/${worker.name}/info`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
    disk.fill();
    const refused = await post();
    expect(refused.status).toBe(507);
    expect(await refused.text()).toContain('no space left on this node');
    expect(node.runtime.get(worker.name)?.reports).toEqual({});
    disk.free();
    expect((await post()).status).toBe(200);
    expect(node.runtime.get(worker.name)?.reports['train']?.report.status).toBe('completed');
    await node.runtime.remove(worker.name);
    expect((await ended).models).toHaveLength(1);
  });

  test('a service that dies is started again, and what became of it is kept once there is room', async () => {
    const worker = await node.worker('serves', { stage: 'Inference' }, { ports: [{ containerPort: 80 }] });
    void node.serve(worker).catch(() => undefined);
    const pid = await pidOf(worker.name);
    disk.fill();
    signal({ pid, startedAt: startTime(pid) ?? '' }, 'SIGKILL');
    const second = await eventually(async () => {
      const now = await pidOf(worker.name);
      expect(now).not.toBe(pid);
      return now;
    });
    disk.free();
    const kept = (): number | undefined => {
      const store = new WorkerStore(join(node.stateDir, 'workers.db'));
      const [record] = store.all();
      store.close();
      return record?.process?.pid;
    };
    await eventually(() => expect(kept()).toBe(second));
    // So the next local controller adopts it.
    await node.restart();
    expect(node.runtime.get(worker.name)?.pid).toBe(second);
  });

  test('a training whose report finds no room is held up, told, and started when there is room', async () => {
    const worker = await node.worker('trains');
    disk.fill();
    await expect(node.run(worker)).rejects.toMatchObject({ type: 'DiskFull', nonRetryable: false });
    expect(node.news.at(-1)?.value).toMatchObject({ heldUp: { reason: 'DiskFull' }, round: 1, stage: 'Train' });
    disk.free();
    expect((await node.run(worker)).models).toHaveLength(1);
  });

  test('what is remembered is not set aside because it cannot be opened for want of room', async () => {
    const worker = await node.worker('silent');
    await node.run(worker).catch(() => undefined);
    const file = join(node.stateDir, 'workers.db');
    await node.restart(() => {
      for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
      disk.fill();
      expect(() => new WorkerStore(file)).toThrow(/workers.db cannot be opened now \(is its disk full\?\)/);
      disk.free();
    });
    expect(node.runtime.list().map(({ name }) => name)).toEqual([worker.name]);
    expect(readdirSync(node.stateDir).filter((name) => name.includes('broken'))).toEqual([]);
  });
});
