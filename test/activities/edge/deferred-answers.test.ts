import { beforeEach, expect, test } from '@jest/globals';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drop, pack, unpack, type Dependencies } from '../../../activities/edge/deferred-answers.ts';
import { openBlobStore } from '../../../sdk/storage/index.ts';

const owner = { kind: 'JointInferenceService', namespace: 'default', name: 'digits', uid: 'u1', workflowId: 'w' };
const set = { owner, role: 'edge' };
let folder: string;
let a: Dependencies;
let b: Dependencies;

beforeEach(() => {
  folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'moved-'));
  const blobs = openBlobStore(join(folder, 'blobs'));
  a = { blobs, stateDir: join(folder, 'a') };
  b = { blobs, stateDir: join(folder, 'b') };
});

const state = ({ stateDir }: Dependencies, ...path: string[]): string =>
  join(stateDir, 'services', 'u1', 'edge', ...path);

function keep(node: Dependencies, text: string): void {
  mkdirSync(state(node, 'deferred'), { recursive: true });
  writeFileSync(state(node, 'deferred', 'deferred.sqlite'), text);
}

/** Contents of the stores that were laid out for the workers of a node. */
function broughtTo(node: Dependencies): string[] {
  const all = state(node, 'deferred', 'inherited');
  if (!existsSync(all)) return [];
  return readdirSync(all)
    .map((name) => readFileSync(join(all, name, 'deferred.sqlite'), 'utf8'))
    .sort();
}

test('from the node that was left to the next one, each step twice; then it is gone where it was', async () => {
  keep(a, 'first');
  writeFileSync(state(a, 'deferred', 'deferred.sqlite-journal'), 'undo');
  const stores = await pack(a, { ...set, isBack: false });
  expect(await pack(a, { ...set, isBack: false })).toEqual(stores);
  for (let twice = 0; twice < 2; twice++) await unpack(b, { ...set, stores });
  expect(broughtTo(b)).toEqual(['first']);
  await drop(a, set);
  expect(readdirSync(state(a))).toEqual([]);
  expect(await pack(a, { ...set, isBack: false })).toEqual([]);
});

test('what was not taken in yet goes on with the set', async () => {
  keep(a, 'first');
  await unpack(b, { ...set, stores: await pack(a, { ...set, isBack: false }) });
  keep(b, 'second');
  const c = { ...b, stateDir: join(folder, 'c') };
  await unpack(c, { ...set, stores: await pack(b, { ...set, isBack: false }) });
  expect(broughtTo(c)).toEqual(['first', 'second']);
});

test('a set that is back before anybody had it gets what was packed, and keeps what it has by now', async () => {
  keep(a, 'before');
  await pack(a, { ...set, isBack: false });
  keep(a, 'since');
  const stores = await pack(a, { ...set, isBack: true });
  await unpack(a, { ...set, stores });
  await drop(a, set);
  expect(broughtTo(a)).toEqual(['before']);
  expect(readFileSync(state(a, 'deferred', 'deferred.sqlite'), 'utf8')).toBe('since');
  expect(await pack(a, { ...set, isBack: true })).toEqual([]);
});

test('nothing was left, or nothing but an empty folder', async () => {
  expect(await pack(a, { ...set, isBack: false })).toEqual([]);
  mkdirSync(state(a, 'deferred'), { recursive: true });
  expect(await pack(a, { ...set, isBack: false })).toEqual([]);
  cpSync(state(a), state(b), { recursive: true });
  expect(readdirSync(state(b))).toEqual([]);
});
