import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isReady } from '../../deploy/local/component.ts';
import { isAlive, signal, startTime, stopProcess } from '../../workers/lib/process.ts';
import { markedProcesses } from '../../deploy/local/runner.ts';
import { readStackState, stackPaths, writeStackState, type StackState } from '../../deploy/local/state.ts';
import { connectKube } from '../../activities/control/kube/client.ts';
import { parseNodes } from '../../cli/up.ts';
import { runCli, startCli, temporaryFolder } from '../support/cli.ts';
import { describeKubernetes, describeTemporal } from '../support/stack.ts';
import { eventually } from '../support/eventually.ts';

/** Global manager and local controllers are other tests' subject: here they only cost time. */
const UP = ['up', '--without', 'gm,lc'];
const BOUND = 60_000;

function stateOf(cwd: string): StackState {
  const state = readStackState(cwd);
  if (!state) throw new Error('no state');
  return state;
}

function component(cwd: string, name: string) {
  const found = stateOf(cwd).components.find((one) => one.name === name);
  if (!found) throw new Error(`no ${name}`);
  return found;
}

const pids = (cwd: string) => Object.fromEntries(stateOf(cwd).components.map(({ name, pid }) => [name, pid]));
const left = markedProcesses;

/** Kills a component with SIGKILL and waits for its successor to serve. */
async function killAndAwait(cwd: string, name: string): Promise<void> {
  const before = component(cwd, name);
  signal(before, 'SIGKILL');
  await eventually(async () => {
    const now = component(cwd, name);
    expect(now.pid).not.toBe(before.pid);
    expect(now.port).toBe(before.port);
    expect(await isReady(now.ready)).toBe(true);
  }, 20_000);
}

describe('--nodes', () => {
  it('takes roles as given or from the name', () => {
    expect(parseNodes('cloud-1,factory:cloud, edge-9')).toEqual([
      { name: 'cloud-1', role: 'cloud' },
      { name: 'factory', role: 'cloud' },
      { name: 'edge-9', role: 'edge' },
    ]);
  });

  it.each(['', 'Edge', 'a:b', 'a:edge:x', 'a,,b', '-a', `${'a'.repeat(64)}`])('refuses "%s" by name', (list) => {
    expect(() => parseNodes(list)).toThrow('is not a node');
  });

  it('refuses one name twice', () => {
    expect(() => parseNodes('a,b,a')).toThrow('a is named twice');
  });
});

describeKubernetes('sedna up with Kubernetes', () => {
  // With a space: what is printed must be good to paste.
  const cwd = temporaryFolder('up kubernetes');
  beforeAll(async () => {
    const { code, stdout, stderr } = await runCli([...UP, '--detach'], cwd);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`export KUBECONFIG='${stackPaths(cwd).kubeconfig}'`);
    expect(stdout).toContain(`export TEMPORAL_ADDRESS=${stateOf(cwd).temporal.address}`);
  }, BOUND);
  afterAll(async () => {
    await runCli(['down', '--purge'], cwd);
  }, BOUND);

  it('has installed every definition', async () => {
    const kube = connectKube(stackPaths(cwd).kubeconfig);
    const { items } = await kube.extensions.listCustomResourceDefinition();
    expect(items.map(({ spec }) => spec.names.kind)).toContain('IncrementalLearningJob');
    expect(items).toHaveLength(11);
  });

  it(
    'keeps objects and addresses when the API server and etcd are killed',
    async () => {
      const kube = connectKube(stackPaths(cwd).kubeconfig);
      const body = { metadata: { name: 'kept' }, data: { answer: '42' } };
      await kube.core.createNamespacedConfigMap({ namespace: 'default', body });
      await killAndAwait(cwd, 'kube-apiserver');
      await killAndAwait(cwd, 'etcd');
      const kept = await eventually(
        () => kube.core.readNamespacedConfigMap({ name: 'kept', namespace: 'default' }),
        20_000,
      );
      expect(kept.data).toEqual({ answer: '42' });
    },
    BOUND,
  );

  it('is well in the eyes of doctor', async () => {
    const { code, stdout } = await runCli(['doctor', '-o', 'json'], cwd);
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; status: string }[] };
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    const names = checks.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['supervisor', 'temporal', 'etcd', 'kube-apiserver', 'definitions']));
  });

  it(
    'does not leave behind what it keeps: standalone is refused while there are objects',
    async () => {
      const { objects } = connectKube(stackPaths(cwd).kubeconfig);
      const path = { group: 'sedna.io', version: 'v1alpha1', namespace: 'default', plural: 'datasets' };
      const spec = { url: '/data/index.txt', format: 'txt', nodeName: 'edge-1' };
      const body = { apiVersion: 'sedna.io/v1alpha1', kind: 'Dataset', metadata: { name: 'kept' }, spec };
      await objects.createNamespacedCustomObject({ ...path, body });
      const before = pids(cwd);
      const { code, stderr } = await runCli([...UP, '--detach', '--standalone'], cwd);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('keeps dataset/kept') });
      expect(pids(cwd)).toEqual(before);
      await objects.deleteNamespacedCustomObject({ ...path, name: 'kept' });
    },
    BOUND,
  );

  it(
    'becomes standalone on request: what belongs to Kubernetes stops, Temporal goes on',
    async () => {
      const before = component(cwd, 'temporal').pid;
      const gone = [component(cwd, 'kube-apiserver'), component(cwd, 'etcd')];
      const { code, stdout } = await runCli([...UP, '--detach', '--standalone'], cwd);
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: expect.stringContaining('etcd does not belong to the stack any more'),
      });
      expect(pids(cwd)).toEqual({ temporal: before });
      expect(gone.map(isAlive)).toEqual([false, false]);
      expect(stateOf(cwd)).toMatchObject({ mode: 'standalone', ownKubernetes: false });
    },
    BOUND,
  );
});

describeTemporal('sedna up --standalone', () => {
  const cwd = temporaryFolder('up');
  const up = [...UP, '--standalone', '--detach'];
  beforeAll(async () => {
    expect(await runCli(up, cwd)).toMatchObject({ code: 0, stderr: '' });
  }, BOUND);
  afterAll(async () => {
    await runCli(['down', '--purge'], cwd);
  }, BOUND);

  it(
    'keeps workflows and addresses when Temporal is killed',
    async () => {
      const connection = await Connection.connect({ address: stateOf(cwd).temporal.address });
      try {
        const client = new Client({ connection });
        await client.workflow.start('anything', { taskQueue: 'nobody', workflowId: 'kept' });
        await killAndAwait(cwd, 'temporal');
        const status = async () => (await client.workflow.getHandle('kept').describe()).status.name;
        expect(await eventually(status, 20_000)).toBe('RUNNING');
      } finally {
        await connection.close();
      }
    },
    BOUND,
  );

  it('says so and changes nothing when all runs', async () => {
    const before = stateOf(cwd);
    expect(await runCli(up, cwd)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('everything runs already'),
    });
    expect(stateOf(cwd)).toEqual(before);
  });

  it(
    'adopts what runs after its supervisor was killed',
    async () => {
      const before = stateOf(cwd);
      if (before.supervisor) signal(before.supervisor, 'SIGKILL');
      await eventually(() => expect(before.supervisor && isAlive(before.supervisor)).toBe(false));
      const { code, stdout } = await runCli(up, cwd);
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/temporal +adopted/) });
      expect(stateOf(cwd).components).toEqual(before.components);
      expect(stateOf(cwd).supervisor?.pid).not.toBe(before.supervisor?.pid);
      await killAndAwait(cwd, 'temporal');
    },
    BOUND,
  );

  it(
    'started several times at once has one of each',
    async () => {
      await runCli(['down'], cwd);
      const results = await Promise.all([runCli(up, cwd), runCli(up, cwd), runCli(up, cwd)]);
      expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
      expect(left(cwd).map(({ pid }) => pid)).toEqual(Object.values(pids(cwd)));
    },
    BOUND,
  );

  it(
    'replaces a component that no record names',
    async () => {
      const state = stateOf(cwd);
      const stray = component(cwd, 'temporal');
      if (state.supervisor) await stopProcess(state.supervisor, 0);
      writeStackState(cwd, { ...state, components: [] });
      expect((await runCli(up, cwd)).code).toBe(0);
      expect(isAlive(stray)).toBe(false);
      expect(component(cwd, 'temporal').port).not.toBe(0);
      expect(left(cwd).map(({ pid }) => pid)).toEqual(Object.values(pids(cwd)));
    },
    BOUND,
  );

  it(
    'sets a broken record aside and goes on with the same data',
    async () => {
      const path = stackPaths(cwd).state;
      const { supervisor } = stateOf(cwd);
      if (supervisor) await stopProcess(supervisor, 0);
      writeFileSync(path, readFileSync(path, 'utf8').slice(0, 200));
      const doctor = await runCli(['doctor'], cwd);
      expect(doctor).toMatchObject({ code: 1, stdout: expect.stringContaining(`${path} cannot be read`) });
      const { code, stdout } = await runCli(up, cwd);
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`set aside as ${path}.bad`) });
      const connection = await Connection.connect({ address: stateOf(cwd).temporal.address });
      const kept = await new Client({ connection }).workflow.getHandle('kept').describe();
      await connection.close();
      expect(kept.status.name).toBe('RUNNING');
    },
    BOUND,
  );

  it(
    'hands over to one in the foreground, which stops everything on SIGINT',
    async () => {
      const before = pids(cwd);
      const foreground = startCli([...UP, '--standalone'], cwd);
      await eventually(() => expect(foreground.output()).toContain('Ctrl-C stops everything'), 20_000);
      expect(pids(cwd)).toEqual(before);
      expect(stateOf(cwd).supervisor?.pid).toBe(foreground.child.pid);
      foreground.child.kill('SIGINT');
      expect(await foreground.result).toMatchObject({ code: 0, stdout: expect.stringContaining('everything stopped') });
      expect(left(cwd)).toEqual([]);
      expect(stateOf(cwd)).toMatchObject({ components: [] });
    },
    BOUND,
  );

  it(
    'down stops the stack and its workers, nothing else, and twice is as good as once',
    async () => {
      const { ports } = stateOf(cwd);
      await runCli([...up, '--nodes', 'edge-1'], cwd);
      expect(stateOf(cwd).ports).toMatchObject({ temporal: ports.temporal });
      const sleeper = { stdio: 'ignore', detached: true } as const;
      const marked = { ...process.env, SEDNA_STATE_DIR: stackPaths(cwd).node('edge-1') };
      const worker = spawn('sleep', ['60'], { ...sleeper, env: marked });
      const bystander = spawn('sleep', ['60'], sleeper);
      try {
        // A record of a process that is gone and whose pid is by now the bystander's.
        const state = stateOf(cwd);
        const recycled = {
          ...component(cwd, 'temporal'),
          name: 'lc/edge-1',
          pid: bystander.pid ?? 0,
          startedAt: 'before',
        };
        if (state.supervisor) signal(state.supervisor, 'SIGKILL');
        writeStackState(cwd, { ...state, components: [...state.components, recycled] });
        const started = performance.now();
        const { code, stdout } = await runCli(['down'], cwd);
        expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('1 worker(s) stopped') });
        expect(performance.now() - started).toBeLessThan(15_000);
        expect(startTime(worker.pid ?? 0)).toBeUndefined();
        expect(startTime(bystander.pid ?? 0)).toBeDefined();
        expect(left(cwd)).toEqual([]);
        expect(await runCli(['down'], cwd)).toMatchObject({
          code: 0,
          stdout: expect.stringContaining('nothing runs here'),
        });
      } finally {
        worker.kill('SIGKILL');
        bystander.kill('SIGKILL');
      }
    },
    BOUND,
  );

  it('down --purge removes what was stored', async () => {
    expect((await runCli(['down', '--purge'], cwd)).code).toBe(0);
    expect(existsSync(stackPaths(cwd).dir)).toBe(false);
  });
});

describeTemporal('sedna up with manager and controllers', () => {
  const cwd = temporaryFolder('up-all');
  const up = ['up', '--standalone', '--detach'];
  const names = ['gm', 'lc/cloud-1', 'lc/edge-1', 'temporal'];
  const running = (): string[] =>
    stateOf(cwd)
      .components.filter(isAlive)
      .map(({ name }) => name)
      .sort();
  beforeAll(async () => {
    const { code, stdout } = await runCli([...up, '--nodes', 'cloud-1,edge-1'], cwd);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/lc\/edge-1 +http:\/\/127.0.0.1:\d+/) });
    expect(running()).toEqual(names);
  }, BOUND);
  afterAll(async () => {
    await runCli(['down', '--purge'], cwd);
  }, BOUND);

  it(
    'adds images to the earlier ones and restarts the controllers alone',
    async () => {
      const before = pids(cwd);
      for (const name of ['first', 'second']) {
        const entry = `images: [{ image: "example/${name}:*", dir: ., command: ["true"] }]\n`;
        writeFileSync(join(cwd, `${name}.yaml`), entry);
        const { code, stderr } = await runCli([...up, '--images', `${name}.yaml`], cwd);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      }
      const files = [join(cwd, 'first.yaml'), join(cwd, 'second.yaml')];
      expect(stateOf(cwd).images).toEqual(files);
      expect(component(cwd, 'lc/edge-1').env.SEDNA_IMAGES).toBe(files.join(':'));
      const after = pids(cwd);
      expect(names.filter((name) => before[name] !== after[name])).toEqual(['lc/cloud-1', 'lc/edge-1']);
      expect(running()).toEqual(names);
    },
    BOUND,
  );

  it(
    'forgets an images file that was removed, and says so',
    async () => {
      rmSync(join(cwd, 'first.yaml'));
      const { code, stdout } = await runCli(up, cwd);
      expect(code).toBe(0);
      expect(stdout).toContain('first.yaml, given as --images earlier, is gone');
      expect(stateOf(cwd).images).toEqual([join(cwd, 'second.yaml')]);
    },
    BOUND,
  );

  it(
    'comes back when everything is killed at once, supervisor included',
    async () => {
      const { components, supervisor, ports } = stateOf(cwd);
      for (const victim of [...components, ...(supervisor ? [supervisor] : [])]) signal(victim, 'SIGKILL');
      expect((await runCli(up, cwd)).code).toBe(0);
      expect(running()).toEqual(names);
      expect(stateOf(cwd).ports).toEqual(ports);
      expect((await runCli(['doctor'], cwd)).code).toBe(0);
    },
    BOUND,
  );

  it(
    'stops a node that is no longer wanted, its workers too',
    async () => {
      const dir = stackPaths(cwd).node('edge-1');
      const worker = spawn('sleep', ['60'], {
        stdio: 'ignore',
        detached: true,
        env: { ...process.env, SEDNA_STATE_DIR: dir },
      });
      try {
        expect((await runCli([...up, '--nodes', 'cloud-1'], cwd)).code).toBe(0);
        expect(running()).toEqual(['gm', 'lc/cloud-1', 'temporal']);
        expect(startTime(worker.pid ?? 0)).toBeUndefined();
      } finally {
        worker.kill('SIGKILL');
      }
    },
    BOUND,
  );
});

describeTemporal('sedna up where something is missing', () => {
  it(
    'goes standalone, with the reason, where no API server is to be had',
    async () => {
      const cwd = temporaryFolder('up-bare');
      const bare = temporaryFolder('empty');
      const env = {
        PATH: bare,
        KUBEBUILDER_ASSETS: '',
        XDG_CACHE_HOME: bare,
        SEDNA_NO_DOWNLOAD: '1',
        TEMPORAL_CLI_PATH: process.env.TEST_TEMPORAL_CLI,
      };
      try {
        const { code, stdout } = await runCli([...UP, '--detach'], cwd, env);
        expect(stdout).toContain('go is not installed');
        expect(stdout).toContain('going on standalone');
        expect(code).toBe(0);
        expect(pids(cwd)).toEqual({ temporal: expect.any(Number) });
      } finally {
        await runCli(['down'], cwd, env);
      }
    },
    BOUND,
  );

  it('names a wrong variable instead of taking something else', async () => {
    const result = await runCli([...UP, '--standalone', '--detach'], temporaryFolder('up'), {
      TEMPORAL_CLI_PATH: '/none',
    });
    expect(result).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('error: TEMPORAL_CLI_PATH: /none is not an executable'),
    });
  });

  it('refuses an images file that cannot be read', async () => {
    const cwd = temporaryFolder('up');
    mkdirSync(join(cwd, 'conf'));
    writeFileSync(join(cwd, 'conf', 'bad.yaml'), 'a: [1');
    writeFileSync(join(cwd, 'conf', 'shape.yaml'), 'images: [{ image: a, dir: . }]');
    for (const file of ['conf/none.yaml', 'conf/bad.yaml', 'conf/shape.yaml']) {
      const { code, stderr } = await runCli([...UP, '--standalone', '--detach', '--images', file], cwd);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`--images: ${join(cwd, file)}: `) });
    }
    expect(readStackState(cwd)).toBeUndefined();
  });

  it('says with its log why a component does not start', async () => {
    const cwd = temporaryFolder('up');
    const program = join(cwd, 'temporal');
    writeFileSync(program, '#!/bin/sh\necho the disk is on fire\nexit 4\n', { mode: 0o755 });
    const env = { TEMPORAL_CLI_PATH: program };
    const { code, stderr } = await runCli([...UP, '--standalone', '--detach'], cwd, env);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /temporal ended while starting\n +the disk is on fire\n +hint: the whole log is .*temporal.log/,
    );
  });
});
