import { describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import {
  commandLine,
  isAlive,
  launchDetached,
  processesWith,
  self,
  signal,
  startTime,
  stopProcess,
} from '../../workers/lib/process.ts';
import { cpuSecondsOf, endGroup, groupOf, leadersOf, stopGroup } from '../../workers/lib/process-group.ts';
import { temporaryFolder } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

function launch(code: string, env: NodeJS.ProcessEnv = {}) {
  const dir = temporaryFolder('process');
  const log = join(dir, 'log');
  const started = launchDetached({
    command: process.execPath,
    args: ['-e', code],
    cwd: dir,
    env: { ...process.env, ...env },
    log,
  });
  return started.then((ref) => ({ ref, log }));
}

const FOREVER = 'console.log("up"); setInterval(() => 0, 1000)';

describe('processes', () => {
  it('are known by pid and start time, so that a recycled pid is left alone', async () => {
    const { ref } = await launch(FOREVER);
    const recycled = { pid: ref.pid, startedAt: 'another' };
    expect([isAlive(ref), isAlive(recycled)]).toEqual([true, false]);
    expect(signal(recycled, 'SIGKILL')).toBe(false);
    expect(await stopProcess(recycled, 100)).toBe(true);
    expect(isAlive(ref)).toBe(true);
    expect(await stopProcess(ref, 5_000)).toBe(true);
    expect(isAlive(ref)).toBe(false);
  });

  it('that ignore SIGTERM are killed after the grace time', async () => {
    const { ref, log } = await launch(`process.on('SIGTERM', () => 0); ${FOREVER}`);
    await eventually(() => expect(readFileSync(log, 'utf8')).toContain('up'));
    expect(await stopProcess(ref, 100)).toBe(false);
    expect(isAlive(ref)).toBe(false);
  });

  it('count as gone while nobody has collected their exit code', async () => {
    // The parent is a shell script that never waits for its child.
    const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const pid = await new Promise<number>((done) => parent.stdout.once('data', (data) => done(Number(String(data)))));
      await eventually(() => expect(startTime(pid)).toBeUndefined());
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('are found by a variable of their environment, this one excepted', async () => {
    process.env.SEDNA_TEST_MARK = 'here';
    const { ref } = await launch(FOREVER, { SEDNA_TEST_MARK: 'here' });
    try {
      await eventually(() => expect(processesWith('SEDNA_TEST_MARK', 'here')).toEqual([ref]));
      expect(processesWith('SEDNA_TEST_MARK', 'her')).toEqual([]);
      expect(commandLine(ref.pid)).toEqual([process.execPath, '-e', FOREVER]);
      expect(processesWith('SEDNA_TEST_MARK', 'here').map(({ pid }) => pid)).not.toContain(self().pid);
    } finally {
      await stopProcess(ref, 2_000);
    }
  });

  it('that cannot be run are an error of whoever starts them', async () => {
    const dir = temporaryFolder('process');
    const launchMissing = launchDetached({
      command: join(dir, 'none'),
      args: [],
      cwd: dir,
      env: {},
      log: join(dir, 'log'),
    });
    await expect(launchMissing).rejects.toThrow('ENOENT');
  });

  it('that are a group: the leader has its children until it has ended, and then they end too, whatever they think of it', async () => {
    const dir = temporaryFolder('process');
    const log = join(dir, 'log');
    const child = 'trap "" TERM; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; exec sleep 60';
    const leader = `trap 'kill -0 $child && echo still there; exit 0' TERM; sh -c '${child}' & child=$!; echo child $child; wait`;
    const ref = await launchDetached({
      command: 'sh',
      args: ['-c', leader],
      cwd: dir,
      env: { PATH: process.env.PATH },
      log,
    });
    try {
      await eventually(() => expect(readFileSync(log, 'utf8')).toContain('done'));
      const pid = Number(/child (\d+)/.exec(readFileSync(log, 'utf8'))?.[1]);
      const other = { pid, startedAt: startTime(pid) ?? '' };
      expect(groupOf(ref).map((one) => one.pid)).toEqual(expect.arrayContaining([ref.pid, pid]));
      expect(leadersOf([other, ref])).toEqual([ref]);
      expect(leadersOf([other], new Set([ref.pid]))).toEqual([]);
      // The child has computed, its leader has not.
      if (process.platform === 'linux') expect(cpuSecondsOf([ref.pid]).get(ref.pid)).toBeGreaterThan(0.05);
      // A group whose number is another's is left alone.
      expect(await endGroup({ ...ref, startedAt: 'another' }, 10)).toBe(true);
      expect(isAlive(other)).toBe(true);
      expect(await stopGroup(ref, 1_000)).toBe(false);
      expect(readFileSync(log, 'utf8')).toContain('still there');
      expect([isAlive(ref), isAlive(other)]).toEqual([false, false]);
    } finally {
      await stopGroup(ref, 0);
    }
  });

  it('that a killed leader has left in its group are stopped one by one, whatever they think of it', async () => {
    const child = (name: string): string => `sh -c 'trap "" TERM; echo ${name} $$; while :; do sleep 1; done' &`;
    const dir = temporaryFolder('process');
    const log = join(dir, 'log');
    const args = ['-c', `${child('first')} ${child('second')} wait`];
    const leader = await launchDetached({ command: 'sh', args, cwd: dir, env: { PATH: process.env.PATH }, log });
    try {
      const left = await eventually(() =>
        ['first', 'second'].map((name) => {
          const pid = Number(new RegExp(`${name} (\\d+)`).exec(readFileSync(log, 'utf8'))?.[1]);
          expect(pid).toBeGreaterThan(0);
          return { pid, startedAt: startTime(pid) ?? '' };
        }),
      );
      signal(leader, 'SIGKILL');
      await eventually(() => expect(isAlive(leader)).toBe(false));
      expect(leadersOf(left)).toEqual(left);
      expect(await Promise.all(left.map((one) => stopGroup(one, 100)))).toEqual([false, false]);
      expect(left.map(isAlive)).toEqual([false, false]);
    } finally {
      await endGroup(leader, 0);
    }
  });
});
