import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../../support/eventually.ts';

const CHILD = fileURLToPath(new URL('./support/train-child.ts', import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-kill-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Run {
  child: ChildProcess;
  output: () => string;
  exit: Promise<unknown[]>;
}

function start(checkpoint: string, out: string): Run {
  const child = spawn(process.execPath, [CHILD, join(folder, checkpoint), join(folder, out)]);
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text, exit: once(child, 'exit') };
}

/** Waits until the file has been renewed after `since` (ms), then kills the process that writes it. */
async function killAfterCheckpoint(run: Run, checkpoint: string, since: number): Promise<void> {
  await eventually(async () => expect((await stat(join(folder, checkpoint))).mtimeMs).toBeGreaterThan(since));
  run.child.kill('SIGKILL');
  expect(await run.exit).toEqual([null, 'SIGKILL']);
}

test('a training killed twice ends with the very weights and metrics of an undisturbed one', async () => {
  const undisturbed = start('a.ckpt', 'a.onnx');
  expect(await undisturbed.exit).toEqual([0, null]);

  await killAfterCheckpoint(start('b.ckpt', 'b.onnx'), 'b.ckpt', 0);
  const between = (await stat(join(folder, 'b.ckpt'))).mtimeMs;
  const second = start('b.ckpt', 'b.onnx');
  await killAfterCheckpoint(second, 'b.ckpt', between);
  expect(existsSync(join(folder, 'b.onnx'))).toBe(false);

  const last = start('b.ckpt', 'b.onnx');
  expect(await last.exit).toEqual([0, null]);
  expect(second.output()).toContain('resumed from');
  expect(last.output()).toMatch(/resumed from .* at step [1-9]/);
  expect(await readFile(join(folder, 'b.onnx'))).toEqual(await readFile(join(folder, 'a.onnx')));
  expect(last.output().trim().split('\n').at(-1)).toBe(undisturbed.output().trim().split('\n').at(-1));
  expect(existsSync(join(folder, 'b.ckpt'))).toBe(false);
}, 60_000);
