import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { lockState } from '../../../workers/lib/state-lock.ts';
import { temporaryFolder } from '../../support/cli.ts';

const atOnce = { timeoutMs: 0 };

test('a state folder belongs to one local controller', () => {
  const folder = temporaryFolder('lock');
  const lock = lockState(folder, atOnce);
  const other = expect.objectContaining({
    code: 'StateInUse',
    message: expect.stringContaining(folder) as unknown,
  }) as unknown as Error;
  expect(() => lockState(folder, atOnce)).toThrow(other);
  lock.release();
  lockState(folder, atOnce).release();
});

test('a local controller that is killed leaves its folder free', async () => {
  const folder = temporaryFolder('lock');
  const module = fileURLToPath(new URL('../../../workers/lib/state-lock.ts', import.meta.url));
  const script = `
    const { lockState } = await import(${JSON.stringify(module)});
    globalThis.lock = lockState(${JSON.stringify(folder)});
    console.log('locked');
    setInterval(() => undefined, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  await once(child.stdout, 'data');
  expect(() => lockState(folder, atOnce)).toThrow('is that of another local controller');
  child.kill('SIGKILL');
  await once(child, 'exit');
  lockState(folder, atOnce).release();
});
