import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { runCli, temporaryFolder } from '../support/cli.ts';

/** A copy of the launcher in a package of its own, whose "bundled Node" is a script that says how it was called. */
function packageWith(options: { bundled: boolean }): string {
  const root = temporaryFolder('bin');
  mkdirSync(join(root, 'cli'));
  writeFileSync(join(root, 'package.json'), '{"type": "module"}');
  copyFileSync(join(packageRoot(), 'cli', 'bin.js'), join(root, 'cli', 'bin.js'));
  if (options.bundled) {
    const folder = join(root, 'node_modules', '.bin');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'node'), '#!/bin/sh\nshift\necho "bundled: $*"\nexit 7\n', { mode: 0o755 });
  }
  return root;
}

/** Runs a launcher that believes to run on the given version of Node. */
function runOn(version: string, root: string, args: string[]) {
  const pretend = `Object.defineProperty(process.versions, 'node', { value: '${version}' });`;
  const preload = join(root, 'pretend.mjs');
  writeFileSync(preload, pretend);
  const argv = ['--import', preload, join(root, 'cli', 'bin.js'), ...args];
  return spawnSync(process.execPath, argv, { encoding: 'utf8', env: { PATH: process.env.PATH } });
}

describe('the launcher', () => {
  it.each(['20.20.2', '22.18.0'])(
    'on Node %s runs the bundled one with the same arguments and exit code',
    (version) => {
      const { status, stdout } = runOn(version, packageWith({ bundled: true }), ['up', '--nodes', 'a b']);
      expect({ status, stdout }).toEqual({ status: 7, stdout: 'bundled: up --nodes a b\n' });
    },
  );

  it('says what to do where there is no newer Node', () => {
    const { status, stderr } = runOn('18.0.0', packageWith({ bundled: false }), ['up']);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining('this is Node 18.0.0\n  hint: install'),
    });
  });

  it.each(['22.19.0', '24.21.0'])('on Node %s starts what was built where there is no source', (version) => {
    const root = packageWith({ bundled: false });
    mkdirSync(join(root, 'dist', 'cli'), { recursive: true });
    writeFileSync(join(root, 'dist', 'cli', 'main.js'), 'console.log("built", process.argv.slice(2).join())');
    expect(runOn(version, root, ['get', 'il']).stdout).toBe('built get,il\n');
  });

  it('works through a link, as npx and global installs use it', () => {
    const link = join(temporaryFolder('link'), 'sedna');
    symlinkSync(join(packageRoot(), 'cli', 'bin.js'), link);
    expect(existsSync(link)).toBe(true);
    const { stdout, status } = spawnSync(link, ['--version'], { encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});

describe('the command line', () => {
  it('lists its verbs and exit codes', async () => {
    const { code, stdout } = await runCli(['--help'], temporaryFolder('help'));
    expect(code).toBe(0);
    for (const word of ['up', 'down', 'doctor', 'Exit codes']) expect(stdout).toContain(word);
  });

  it.each([[['bogus']], [['up', '--bogus']], [['up', '--standalone', '--kubeconfig', 'x']]])(
    'refuses %j with exit code 2',
    async (args) => {
      const { code, stderr } = await runCli(args, temporaryFolder('usage'));
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^error: /) });
    },
  );
});
