/** What the command, a global manager and a local controller say when they cannot begin: message, what to do, paragraph. */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { packageRoot } from '../../deploy/local/files.ts';
import { lockState } from '../../workers/lib/state-lock.ts';
import { allocatePorts } from '../../deploy/local/ports.ts';
import { runCli, startCli, temporaryFolder } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';
import { describeTemporal } from '../support/stack.ts';
import { expectHelp, golden, update, updating } from './lib/golden.ts';
import { normal } from './lib/normal.ts';

const cwd = temporaryFolder('messages');
const file = (name: string, text: string): string => {
  writeFileSync(join(cwd, name), text);
  return name;
};
const bad = { apiVersion: 'sedna.io/v1alpha1', kind: 'Model', metadata: { name: 'm' }, spec: { url: 'models/m.onnx' } };
const good = { ...bad, spec: { url: '/models/m.onnx', format: 'onnx' } };
const blobs = { SEDNA_BLOB_URL: 'file:///tmp/blobs' };
const lc = ['lc', '--node', 'edge-1', '--port', '0'];

/** Where no stack can be kept. */
const blocked = join(cwd, 'blocked');
mkdirSync(blocked);
writeFileSync(join(blocked, '.sedna'), '');

interface Message {
  /** Of the golden file. */
  name: string;
  args: string[];
  env?: Record<string, string>;
  /** Default: the folder of the test. */
  cwd?: string;
  code: number;
}

const alone: Message[] = [
  { name: 'no-stack', args: ['get', 'il'], code: 4 },
  { name: 'no-such-kind', args: ['get', 'gadget'], code: 2 },
  { name: 'nodes-are-no-kind', args: ['get', 'nodes'], code: 2 },
  { name: 'pods-are-no-kind', args: ['get', 'pod'], code: 2 },
  { name: 'no-name', args: ['explain', 'il'], code: 2 },
  { name: 'no-time', args: ['wait', 'il/x', '--for', 'phase=Waiting', '--timeout', 'soon'], code: 2 },
  { name: 'no-condition', args: ['wait', 'il/x', '--for', 'luck'], code: 2 },
  { name: 'workers-have-no-names-here', args: ['get', 'workers', 'w'], code: 2 },
  { name: 'workers-have-no-labels', args: ['get', 'workers', '-l', 'app'], code: 2 },
  { name: 'workers-are-not-watched', args: ['get', 'workers', '-w'], code: 2 },
  { name: 'one-and-all', args: ['delete', 'il/x', '--all'], code: 2 },
  { name: 'no-file', args: ['delete', '-f', 'nowhere.yaml'], code: 1 },
  { name: 'no-object-in-file', args: ['apply', '-f', file('empty.yaml', '# nothing\n')], code: 2 },
  { name: 'manifest-not-valid', args: ['apply', '-f', file('bad.json', JSON.stringify(bad))], code: 1 },
  { name: 'up-without-its-image-list', args: ['up', '--standalone', '--images', 'nowhere.yaml'], code: 1 },
  { name: 'up-with-a-file-in-its-way', args: ['up', '--standalone'], cwd: blocked, code: 1 },
  { name: 'get-with-a-file-in-its-way', args: ['get', 'il'], cwd: blocked, code: 1 },
  { name: 'up-with-a-strange-node', args: ['up', '--nodes', 'Edge_1'], code: 2 },
  { name: 'gm-without-blob-store', args: ['gm', '--port', '0'], code: 1 },
  { name: 'gm-with-a-blob-store-of-another-sort', args: ['gm'], env: { SEDNA_BLOB_URL: 'ftp://x/y' }, code: 1 },
  { name: 'gm-on-no-port', args: ['gm', '--port', 'http'], env: blobs, code: 1 },
  { name: 'lc-without-blob-store', args: lc, code: 1 },
  { name: 'lc-of-a-strange-name', args: ['lc', '--node', 'Edge 1'], env: blobs, code: 1 },
  { name: 'lc-of-a-strange-role', args: [...lc, '--role', 'fog'], env: blobs, code: 1 },
  { name: 'lc-with-no-slot', args: lc, env: { ...blobs, SEDNA_SLOTS: '0' }, code: 1 },
  { name: 'lc-with-a-strange-label', args: lc, env: { ...blobs, SEDNA_NODE_LABELS: 'gpu' }, code: 1 },
  {
    name: 'lc-without-its-image-list',
    args: lc,
    env: { ...blobs, SEDNA_STATE_DIR: join(cwd, 'lc'), SEDNA_IMAGES: join(cwd, 'nowhere.yaml') },
    code: 1,
  },
  {
    name: 'lc-with-a-strange-image-list',
    args: lc,
    env: {
      ...blobs,
      SEDNA_STATE_DIR: join(cwd, 'lc'),
      SEDNA_IMAGES: join(cwd, file('images.yaml', 'images: [{ image: x, command: y }]\n')),
    },
    code: 1,
  },
  {
    name: 'lc-without-a-place-for-its-files',
    args: lc,
    env: { ...blobs, SEDNA_STATE_DIR: join(cwd, 'images.yaml', 'lc') },
    code: 1,
  },
];

/** A process that should end but does not is killed, which its golden does not expect. */
const boundMs = 20_000;

/** Two at a time: each is a process that loads the whole command. */
async function sayAll(messages: Message[], more: Record<string, string> = {}): Promise<Map<string, string>> {
  const said = new Map<string, string>();
  const waiting = [...messages];
  const next = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      const run = startCli(one.args, one.cwd ?? cwd, { ...cleared, ...more, ...one.env });
      const bound = setTimeout(() => run.child.kill('SIGKILL'), boundMs);
      const { code, stderr } = await run.result;
      clearTimeout(bound);
      const env = Object.entries(one.env ?? {}).map(([name, value]) => `${name}=${value} `);
      const folders = { FOLDER: cwd, REPOSITORY: packageRoot() };
      said.set(one.name, `${normal(`$ ${env.join('')}sedna ${one.args.join(' ')}\n${stderr}exit ${code}`, folders)}\n`);
    }
  };
  await Promise.all([next(), next()]);
  if (updating) for (const [name, text] of said) update(name, text);
  return said;
}

const cleared = { SEDNA_BLOB_URL: '', SEDNA_KUBECONFIG: '', TEMPORAL_ADDRESS: '', SEDNA_IMAGES: '' };

function expectMessages(messages: Message[], said: () => Map<string, string>): void {
  test.each(messages.map((message) => [message.name, message] as const))('%s', (name, { code }) => {
    const text = said().get(name) ?? '';
    expect(text).toBe(golden(name));
    expect(text).toMatch(new RegExp(`exit ${code}\n$`));
    expectHelp(text);
  });
}

describe('without any server', () => {
  let said = new Map<string, string>();
  beforeAll(async () => {
    said = await sayAll(alone);
  }, 240_000);
  expectMessages(alone, () => said);
});

test('a file in place of a stack keeps nobody from stopping what runs', async () => {
  expect(await runCli(['down'], blocked, cleared)).toMatchObject({ code: 0, stderr: '' });
});

describe('a stack whose record is broken', () => {
  test('is named', async () => {
    const folder = temporaryFolder('broken');
    mkdirSync(join(folder, '.sedna'));
    writeFileSync(join(folder, '.sedna', 'state.json'), '{');
    const { stderr, code } = await runCli(['get', 'il'], folder, cleared);
    const text = `${normal(`$ sedna get il\n${stderr}exit ${code}`, { FOLDER: folder })}\n`;
    if (updating) update('stack-record-broken', text);
    expect(text).toBe(golden('stack-record-broken'));
    expectHelp(text);
  });
});

describe('a server that does not answer', () => {
  test.each([
    ['temporal-away-for-the-command', ['get', 'il']],
    ['temporal-away-for-a-gm', ['gm', '--port', '0']],
    ['temporal-away-for-an-lc', lc],
  ])('%s', async (name, args) => {
    const { port = 0 } = await allocatePorts(['port']);
    const address = `127.0.0.1:${port}`;
    const env = { ...cleared, ...blobs, SEDNA_STATE_DIR: join(cwd, 'state'), TEMPORAL_ADDRESS: address };
    const run = startCli(args, cwd, env);
    // GM and LC try for ever, so they are stopped once they have said so.
    await eventually(() => expect(run.output()).toMatch(/not reachable.*\n/), 20_000);
    run.child.kill('SIGTERM');
    await run.result;
    const lines = run.output().split('\n');
    const from = lines.findIndex((line) => line.includes('not reachable'));
    const told = lines.slice(from, args[0] === 'get' ? undefined : from + 1).join('\n');
    const text = `${normal(`$ sedna ${args.join(' ')}\n${told}`, { FOLDER: cwd, REPOSITORY: packageRoot() })}\n`;
    if (updating) update(name, text);
    expect(text).toBe(golden(name));
    expectHelp(text);
  });

  test('state-in-use-of-an-lc', async () => {
    const stateDir = join(cwd, 'held');
    mkdirSync(stateDir);
    const lock = lockState(stateDir);
    const { stderr, code } = await runCli(lc, cwd, { ...cleared, ...blobs, SEDNA_STATE_DIR: stateDir });
    lock.release();
    const text = `${normal(`$ sedna ${lc.join(' ')}\n${stderr}exit ${code}`, { FOLDER: cwd })}\n`;
    if (updating) update('state-in-use-of-an-lc', text);
    expect(text).toBe(golden('state-in-use-of-an-lc'));
    expectHelp(text);
  }, 60_000);

  test.each([
    ['port-in-use-of-a-gm', ['gm']],
    ['port-in-use-of-an-lc', ['lc', '--node', 'edge-1']],
  ])('%s', async (name, args) => {
    const { port = 0 } = await allocatePorts(['port']);
    const other = createServer().listen(port, '127.0.0.1');
    const env = { ...cleared, ...blobs, SEDNA_STATE_DIR: join(cwd, 'state') };
    const { stderr, code } = await runCli([...args, '--port', String(port)], cwd, env);
    other.close();
    const told = `$ sedna ${args.join(' ')} --port PORT\n${stderr.replaceAll(String(port), 'PORT')}exit ${code}`;
    const text = `${normal(told, { FOLDER: cwd })}\n`;
    if (updating) update(name, text);
    expect(text).toBe(golden(name));
    expectHelp(text);
  });
});

const withTemporal: Message[] = [
  { name: 'no-such-object', args: ['explain', 'il/nobody'], env: blobs, code: 3 },
  { name: 'verb-to-no-object', args: ['trigger', 'il/nobody'], code: 3 },
  { name: 'no-such-worker', args: ['logs', 'nobody'], code: 3 },
  {
    name: 'not-in-time',
    args: ['wait', 'il/nobody', '--for', 'phase=Waiting', '--timeout', '1s'],
    env: blobs,
    code: 5,
  },
  { name: 'command-without-blob-store', args: ['apply', '-f', file('good.json', JSON.stringify(good))], code: 2 },
  {
    name: 'command-with-a-blob-store-out-of-reach',
    args: ['apply', '-f', 'good.json'],
    env: { SEDNA_BLOB_URL: `file://${join(cwd, 'good.json', 'blobs')}` },
    code: 4,
  },
];

describeTemporal('with Temporal alone', () => {
  let said = new Map<string, string>();
  beforeAll(async () => {
    said = await sayAll(withTemporal, { TEMPORAL_ADDRESS: process.env.TEST_TEMPORAL_ADDRESS ?? '' });
  }, 60_000);
  expectMessages(withTemporal, () => said);
});
