import { describe, expect, test } from '@jest/globals';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkerLaunch } from '../../../../activities/edge/runtime.ts';
import { findImage, readImages, type ImageEntry } from '../../../../workers/runtimes/process/images.ts';
import { commandOf } from '../../../../workers/runtimes/process/launch.ts';

const entry = (image: string, change: Partial<ImageEntry> = {}): ImageEntry => ({
  image,
  dir: '/opt/worker',
  command: ['node', 'main.js'],
  ...change,
});

describe('images', () => {
  test.each([
    ['org/worker', 'org/worker:v1', true],
    ['org/worker', 'org/worker@sha256:0', true],
    ['org/worker', 'org/worker', true],
    ['org/worker', 'org/worker2:v1', false],
    ['org/worker:v1', 'org/worker:v2', false],
    ['org/*', 'org/any/thing:v9', true],
    ['*/worker:v*', 'registry:5000/worker:v3', true],
    ['org/worker', 'registry:5000/org/worker:v1', false],
    ['org.worker', 'orgXworker', false],
    ['*', 'anything:x', true],
  ])('%s matches %s: %s', (pattern, image, expected) => {
    expect(findImage([entry(pattern)], image) !== undefined).toBe(expected);
  });

  test('the first entry wins', () => {
    const [one, two] = [entry('org/*'), entry('org/worker')];
    expect(findImage([one, two], 'org/worker:v1')).toBe(one);
  });

  test('directories are relative to the file, and errors name file and field', () => {
    const directory = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'images-'));
    const file = join(directory, 'images.yaml');
    writeFileSync(file, 'images:\n- {image: a, dir: worker, command: [node]}\n');
    expect(readImages([file])).toMatchObject([{ image: 'a', dir: join(directory, 'worker') }]);
    writeFileSync(file, 'images:\n- {image: a, dir: worker, command: node}\n');
    expect(() => readImages([file])).toThrow(`${file}: images.0.command:`);
    writeFileSync(file, 'images:\n- {image: a, dir: worker, command: [node], shell: true}\n');
    expect(() => readImages([file])).toThrow(/shell/);
    expect(() => readImages([join(directory, 'absent.yaml')])).toThrow(/ENOENT/);
  });
});

describe('command', () => {
  const launch = (change: Partial<WorkerLaunch> = {}): WorkerLaunch => ({
    name: 'w',
    owner: { kind: 'K', namespace: 'd', name: 'n', uid: 'u' },
    stage: 'Train',
    image: 'org/worker:v1',
    args: [],
    env: {},
    contract: {},
    ports: [],
    restart: 'Never',
    revision: '',
    ...change,
  });
  const parent = { PATH: '/bin', HOME: '/home/u', AWS_SECRET_ACCESS_KEY: 'secret' };

  test('contract wins over template, template over entry; nothing secret is inherited', () => {
    const entries = [entry('org/*', { env: { A: 'entry', B: 'entry', C: 'entry' } })];
    const given = launch({ env: { B: 'template', C: 'template' }, contract: { C: 'contract' } });
    const { env, cwd } = commandOf(given, entries, { EXTRA: '1' }, parent);
    expect(env).toMatchObject({ A: 'entry', B: 'template', C: 'contract', EXTRA: '1', HOME: '/home/u' });
    expect(env).not.toHaveProperty('AWS_SECRET_ACCESS_KEY');
    expect(env['PATH']?.endsWith(':/bin')).toBe(true);
    expect(cwd).toBe('/opt/worker');
  });

  test('arguments are appended and expanded as Kubernetes does; no shell sees them', () => {
    const args = ['--name=$(NAME)', '$$(NAME)', '$(ABSENT)', '$NAME', '; rm -rf /', '$(A)$(B)'];
    const given = launch({ args, contract: { NAME: 'x y', A: '$(B)', B: 'b' } });
    expect(commandOf(given, [entry('org/*')], {}, parent)).toMatchObject({
      file: 'node',
      args: ['main.js', '--name=x y', '$(NAME)', '$(ABSENT)', '$NAME', '; rm -rf /', '$(B)b'],
    });
  });

  test('a command of the template only where the entry allows it', () => {
    const given = launch({ command: ['python3', '$(SCRIPT)'], args: ['1'], env: { SCRIPT: 'train.py' } });
    expect(() => commandOf(given, [entry('org/*')], {}, parent)).toThrow(/command is not allowed/);
    expect(commandOf(given, [entry('org/*', { allowCommand: true })], {}, parent)).toMatchObject({
      file: 'python3',
      args: ['train.py', '1'],
    });
  });

  test.each([
    ...['NODE_OPTIONS', 'DYLD_INSERT_LIBRARIES', 'PYTHONPATH', 'PYTHONSTARTUP', 'BASH_ENV', 'PATH', 'HOME'],
    ...[
      'LD_PRELOAD',
      'LD_LIBRARY_PATH',
      'LD_AUDIT',
      'LD_ORIGIN_PATH',
      'LD_DEBUG_OUTPUT',
      'LD_PROFILE',
      'LD_PROFILE_OUTPUT',
    ],
    ...['LUA_PATH', 'LUA_CPATH_5_4', 'LUA_INIT', 'BASH_FUNC_ls%%'],
  ])('a template cannot choose code by %s, unless the entry allows a command; the entry itself can', (name) => {
    const given = launch({ env: { [name]: '/data/evil' } });
    expect(() => commandOf(given, [entry('org/*')], {}, parent)).toThrow(`env ${name} of the template chooses`);
    expect(() => commandOf({ ...given, image: 'sedna/big-model' }, [], {}, parent)).toThrow(name);
    const { env } = commandOf(given, [entry('org/*', { allowCommand: true })], {}, parent);
    expect(env[name]).toBe('/data/evil');
    expect(commandOf(launch(), [entry('org/*', { env: { [name]: '/opt' } })], {}, parent).env[name]).toBe('/opt');
  });

  test('what only changes how a worker works is allowed', () => {
    const env = {
      PYTHONUNBUFFERED: '1',
      NODE_ENV: 'production',
      OMP_NUM_THREADS: '2',
      nms_threshold: '0.5',
      ENV: 'production',
      LD_SDK_KEY: 'x',
      LD_BIND_NOW: '1',
      LUA_VERSION: '5.4',
      TZ: 'UTC',
    };
    expect(commandOf(launch({ env }), [entry('org/*')], {}, parent).env).toMatchObject(env);
  });

  test('no template is a front, and no list has another one', () => {
    for (const list of [[], [entry('*')], [entry('sedna/front')]]) {
      for (const image of ['sedna/front', 'sedna/front:v1']) {
        expect(() => commandOf(launch({ image }), list, {}, parent)).toThrow(/name the image of a worker/);
        const front = commandOf(launch({ image, stage: 'Front' }), list, {}, parent);
        expect(front.args[0]).toMatch(/workers\/front\/main/);
      }
    }
  });

  test("ready-made images are programs of this package, unless the node's list has them", () => {
    for (const image of ['sedna/joint-inference:v1', 'sedna/big-model']) {
      const { file, args } = commandOf(launch({ image }), [], {}, parent);
      expect(file).toBe(process.execPath);
      expect(existsSync(args[0] ?? '')).toBe(true);
    }
    const own = [entry('sedna/big-model', { command: ['python3', 'mine.py'] })];
    expect(commandOf(launch({ image: 'sedna/big-model:v2' }), own, {}, parent).file).toBe('python3');
  });

  test('an image that is not in the list says which are', () => {
    expect(() => commandOf(launch(), [entry('a'), entry('b')], {}, parent)).toThrow(
      'image org/worker:v1 is not in the allowlist of this node (a, b)',
    );
  });
});
