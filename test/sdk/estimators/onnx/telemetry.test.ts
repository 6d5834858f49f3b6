import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..', '..', '..');
const model = join(root, 'test', 'corpus', 'models', 'files', 'good.onnx');
const openOne = `
  const { openSession } = await import(${JSON.stringify(join(root, 'sdk', 'estimators', 'onnx', 'runtime.ts'))});
  const { readFileSync } = await import('node:fs');
  await openSession(readFileSync(${JSON.stringify(model)}), { threads: 1 });
  console.log(process.env.ORT_DISABLE_TELEMETRY);
`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-telemetry-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A process that opens a session, outside of CI, where ONNX Runtime would be silent by itself. */
async function opened(telemetry?: string): Promise<string> {
  const env = { ...process.env, CI: undefined, ORT_DISABLE_TELEMETRY: telemetry, TMPDIR: folder, HOME: folder };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', openOne], { env });
  return stdout.trim();
}

test('a session tells its maker nothing', async () => {
  expect(await opened()).toBe('1');
  // The log that telemetry keeps.
  expect((await readdir(folder)).filter((name) => name.startsWith('mat-debug'))).toEqual([]);
});

test('unless the user wants it', async () => {
  expect(await opened('0')).toBe('0');
});
