import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SharedWeights } from '../../../../activities/edge/lib/shared-weights.ts';
import { openBlobStore, type BlobRef, type BlobStore } from '../../../../sdk/storage/index.ts';

let root: string;
let blobs: BlobStore;
let ref: BlobRef;
let weights: SharedWeights;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'weights-'));
  blobs = openBlobStore(path.join(root, 'blobs'));
  ref = await blobs.put('the weights');
  weights = new SharedWeights(blobs);
});

afterEach(() => rm(root, { recursive: true }));

const at = (task: string): string => path.join(root, 'tasks', task, 'weights');
const inodeOf = async (file: string): Promise<number> => (await stat(file)).ino;
const text = (task: string): Promise<string> => readFile(at(task), 'utf8');

async function wanted(...tasks: string[]): Promise<void> {
  for (const task of tasks) await mkdir(path.dirname(at(task)), { recursive: true });
  await Promise.all(tasks.map((task) => weights.fetchTo(ref, at(task))));
}

test('all clients of a node share one copy, and none has the blob itself', async () => {
  await wanted('a', 'b', 'c');
  expect(await Promise.all(['a', 'b', 'c'].map(text))).toEqual(Array(3).fill('the weights'));
  const inodes = new Set(await Promise.all(['a', 'b', 'c'].map((task) => inodeOf(at(task)))));
  expect(inodes.size).toBe(1);
  expect(inodes).not.toContain(await inodeOf(await blobs.fileOf(ref, '')));
});

test('a copy that somebody wrote to is given to nobody else', async () => {
  await wanted('a');
  const { mtimeMs } = await stat(at('a'));
  await writeFile(at('a'), 'the WEIGHTS');
  // As a later write has it, whatever the resolution of the clock.
  await utimes(at('a'), new Date(), new Date(mtimeMs + 1_000));
  await wanted('b');
  expect(await text('b')).toBe('the weights');
  await wanted('c');
  expect(await inodeOf(at('c'))).toBe(await inodeOf(at('b')));
});

test('a copy whose task is gone is fetched again', async () => {
  await wanted('a');
  await rm(path.dirname(at('a')), { recursive: true });
  await wanted('b');
  expect(await text('b')).toBe('the weights');
});

test('what a task has already stays, if it is right', async () => {
  await wanted('a', 'b');
  const before = await inodeOf(at('b'));
  await wanted('b');
  expect(await inodeOf(at('b'))).toBe(before);
  await writeFile(at('b'), 'something else');
  await wanted('b');
  expect(await text('b')).toBe('the weights');
});

test('a blob that is damaged is refused to all, and fetched once it is mended', async () => {
  const file = await blobs.fileOf(ref, '');
  await wanted('ready');
  await rm(path.dirname(at('ready')), { recursive: true });
  await writeFile(file, 'the WEIGHTS');
  const tries = ['a', 'b'].map((task) => weights.fetchTo(ref, at(task)));
  for (const { status } of await Promise.allSettled(tries)) expect(status).toBe('rejected');
  expect(
    (await readdir(path.join(root, 'tasks'), { recursive: true })).filter((name) => name.endsWith('weights')),
  ).toEqual([]);
  await blobs.put('the weights');
  await wanted('a', 'b');
  expect(await text('b')).toBe('the weights');
});
