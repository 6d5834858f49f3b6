/** What happens to a stack when its reader, its terminal, its folder or its disk goes. */
import { afterEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { markedProcesses } from '../../deploy/local/runner.ts';
import { readStackState, stackPaths, writeStackState } from '../../deploy/local/state.ts';
import { isAlive, startTime } from '../../workers/lib/process.ts';
import { runCli, startCli, temporaryFolder } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { noSmallDisks, SmallDisk } from '../support/small-disk.ts';
import { describeTemporal } from '../support/stack.ts';

/** Global manager and local controllers would only cost time. */
const up = ['up', '--without', 'gm,lc', '--standalone', '--nodes', 'edge-1'];
const bound = 60_000;

describeTemporal('a stack', () => {
  let cwd = '';
  afterEach(async () => {
    await runCli(['down', '--purge'], cwd);
  }, bound);
  const begin = (): string => (cwd = join(temporaryFolder('away'), 'a stack'));
  const left = (): number => markedProcesses(cwd).length;

  test(
    'is brought up and taken down to the end when nobody reads on',
    async () => {
      mkdirSync(begin());
      const unread = async (args: string[]): Promise<number | null> => {
        const { child, result } = startCli(args, cwd);
        child.stdout?.destroy();
        child.stderr?.destroy();
        return (await result).code;
      };
      expect(await unread([...up, '--detach'])).toBe(0);
      const { supervisor, components = [] } = readStackState(cwd) ?? {};
      expect(supervisor !== undefined && isAlive(supervisor)).toBe(true);
      expect(components.map(({ name }) => name)).toEqual(['temporal']);
      expect(await unread(['down'])).toBe(0);
      expect(left()).toBe(0);
    },
    bound,
  );

  test(
    'stops with its terminal',
    async () => {
      mkdirSync(begin());
      const { child, output, result } = startCli(up, cwd);
      await eventually(() => expect(output()).toContain('Ctrl-C stops everything'), 20_000);
      child.kill('SIGHUP');
      expect(await result).toMatchObject({ code: 0, stdout: expect.stringContaining('everything stopped') });
      expect(left()).toBe(0);
    },
    bound,
  );

  test(
    'is found by down when its files were removed',
    async () => {
      mkdirSync(begin());
      expect((await runCli([...up, '--detach'], cwd)).code).toBe(0);
      rmSync(stackPaths(cwd).dir, { recursive: true });
      expect(await runCli(['down'], cwd)).toMatchObject({ code: 0, stdout: expect.stringContaining('stopped') });
      expect(left()).toBe(0);
    },
    bound,
  );

  test(
    'is found by down with its workers when its folder was moved',
    async () => {
      mkdirSync(begin());
      expect((await runCli([...up, '--detach'], cwd)).code).toBe(0);
      const before = readStackState(cwd);
      if (before === undefined) throw new Error('no state');
      const env = { SEDNA_STATE_DIR: stackPaths(cwd).node('edge-1') };
      const worker = spawn('sleep', ['60'], { stdio: 'ignore', detached: true, env: { ...process.env, ...env } });
      const controller = { ...before.components[0], name: 'lc/edge-1', pid: worker.pid ?? 0, startedAt: 'before', env };
      writeStackState(cwd, { ...before, components: [...before.components, controller as never] });
      try {
        renameSync(cwd, `${cwd} now`);
        cwd = `${cwd} now`;
        expect(await runCli(['down'], cwd)).toMatchObject({ code: 0, stdout: expect.stringContaining('1 worker(s)') });
        expect(startTime(worker.pid ?? 0)).toBeUndefined();
        expect(before.components.filter(isAlive)).toEqual([]);
      } finally {
        worker.kill('SIGKILL');
      }
    },
    bound,
  );

  (noSmallDisks() === undefined ? test : test.skip)(
    'stops on a full disk, and makes room when it is asked to',
    async () => {
      const disk = new SmallDisk(begin(), 32);
      try {
        expect((await runCli([...up, '--detach'], cwd)).code).toBe(0);
        disk.fill();
        expect(await runCli(['down', '--purge'], cwd)).toMatchObject({ code: 0, stderr: '' });
        expect(left()).toBe(0);
        expect(existsSync(stackPaths(cwd).dir)).toBe(false);
      } finally {
        await runCli(['down', '--purge'], cwd);
        disk.close();
      }
    },
    bound,
  );
});
