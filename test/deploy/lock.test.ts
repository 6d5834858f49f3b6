import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { withLock } from '../../deploy/local/lock.ts';
import { self, startTime, waitForExit } from '../../workers/lib/process.ts';
import { temporaryFolder } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

/** Starts a process that runs a piece of code which has `withLock` and fs at hand. */
function withLockIn(code: string) {
  const lock = join(packageRoot(), 'deploy', 'local', 'lock.ts');
  const head = `import * as fs from 'node:fs'; import { withLock } from ${JSON.stringify(lock)};`;
  return spawn(process.execPath, ['--input-type=module', '-e', head + code], { stdio: 'ignore' });
}

describe('withLock', () => {
  it('lets only one of several processes work at a time', async () => {
    const dir = temporaryFolder('lock');
    const counter = join(dir, 'counter');
    writeFileSync(counter, '0');
    const [lockArg, counterArg] = [join(dir, 'lock'), counter].map((path) => JSON.stringify(path));
    const code = `for (let i = 0; i < 10; i++) await withLock(${lockArg}, { boundMs: 20000 }, async () => {
      const seen = Number(fs.readFileSync(${counterArg}, 'utf8'));
      await new Promise(setImmediate);
      fs.writeFileSync(${counterArg}, String(seen + 1));
    });`;
    const children = [1, 2, 3].map(() => withLockIn(code));
    await Promise.all(children.map((child) => new Promise((done) => child.once('close', done))));
    expect(readFileSync(counter, 'utf8')).toBe('30');
    expect(readdirSync(dir)).toEqual(['counter']);
  });

  it('takes over the lock of a killed process, however many come at once', async () => {
    const path = join(temporaryFolder('lock'), 'lock');
    const child = withLockIn(
      `await withLock(${JSON.stringify(path)}, { boundMs: 1 }, () => new Promise(() => setInterval(() => 0, 1000)));`,
    );
    await eventually(() => expect(existsSync(path)).toBe(true));
    const ref = { pid: child.pid ?? 0, startedAt: startTime(child.pid ?? 0) ?? '' };
    child.kill('SIGKILL');
    await waitForExit(ref, 5_000);
    let inside = 0;
    const most: number[] = [];
    const work = async (): Promise<void> => {
      most.push(++inside);
      await new Promise(setImmediate);
      inside--;
    };
    await Promise.all([1, 2, 3, 4].map(() => withLock(path, { boundMs: 5_000 }, work)));
    expect(most).toEqual([1, 1, 1, 1]);
  });

  it('takes over a lock that was cut off while it was written', async () => {
    const path = join(temporaryFolder('lock'), 'lock');
    writeFileSync(path, '{"pid": 1');
    expect(await withLock(path, { boundMs: 1_000 }, async () => 'mine')).toBe('mine');
  });

  it('names the holder when it waits too long', async () => {
    const path = join(temporaryFolder('lock'), 'lock');
    writeFileSync(path, JSON.stringify(self()));
    const held = withLock(path, { boundMs: 60 }, async () => 'never');
    await expect(held).rejects.toThrow(new RegExp(`held by process ${process.pid}`));
    expect(existsSync(path)).toBe(true);
  });

  it('is released when the work throws', async () => {
    const path = join(temporaryFolder('lock'), 'lock');
    await expect(withLock(path, { boundMs: 100 }, () => Promise.reject(new Error('boom')))).rejects.toThrow('boom');
    expect(existsSync(path)).toBe(false);
  });
});
