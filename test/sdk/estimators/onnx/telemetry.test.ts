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
`;

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-telemetry-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The names of what a process that opens a session leaves in the folder of temporary files; ONNX Runtime's telemetry keeps a log there. */
async function leftBehind(telemetry: NodeJS.ProcessEnv): Promise<string[]> {
  // Under CI it is silent by itself.
  const env = {
    ...process.env,
    CI: undefined,
    ORT_DISABLE_TELEMETRY: undefined,
    ...telemetry,
    TMPDIR: folder,
    HOME: folder,
  };
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', openOne], { env });
  return (await readdir(folder)).filter((name) => name.startsWith('mat-debug'));
}

test('a session tells its maker nothing', async () => {
  expect(await leftBehind({})).toEqual([]);
});

test('unless the user wants it', async () => {
  expect(await leftBehind({ ORT_DISABLE_TELEMETRY: '0' })).toHaveLength(1);
});
