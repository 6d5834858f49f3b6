import { expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keep, kept } from '../../../../sdk/features/federated/kept-answer.ts';
import type { CompletedTask, WorkerTask } from '../../../../sdk/worker/task-protocol.ts';

function answeredTask(kind: WorkerTask['kind']): { task: WorkerTask; result: CompletedTask } {
  const output = join(mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'kept-')), 'update.safetensors');
  writeFileSync(output, 'an update');
  const task = { id: 't1', kind, round: 1, output, settings: {}, seed: 1, evaluate: false, excludeLayers: [] };
  const result = { status: 'completed', file: output, samples: 3, metrics: {} } as unknown as CompletedTask;
  return { task: task as unknown as WorkerTask, result };
}

/** As a machine that was started again finds it. */
function startAgain({ output = '' }: WorkerTask): void {
  const file = `${output}.answer.json`;
  const record = JSON.parse(readFileSync(file, 'utf8')) as { boot?: string };
  writeFileSync(file, JSON.stringify({ ...record, ...(record.boot === undefined ? {} : { boot: 'another start' }) }));
}

test.each(['train', 'weights', 'encode'] as const)(
  'who dies after %s and before its answer does not work again',
  async (kind) => {
    const { task, result } = answeredTask(kind);
    expect(await kept(task)).toBeUndefined();
    await keep(task, result);
    expect(await kept(task)).toMatchObject({ samples: 3 });
    expect(await kept({ ...task, id: 't2' })).toBeUndefined();
  },
);

test('after a power cut updates are made again; features, which would carry other noise, are not', async () => {
  const [trained, encoded] = [answeredTask('train'), answeredTask('encode')];
  for (const { task, result } of [trained, encoded]) {
    await keep(task, result);
    startAgain(task);
  }
  expect(await kept(encoded.task)).toMatchObject({ samples: 3 });
  if (process.platform === 'linux') expect(await kept(trained.task)).toBeUndefined();
});
