import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { openBlobStore } from '../../../sdk/storage/index.ts';
import type { BlobStore } from '../../../sdk/storage/index.ts';
import { eventually } from '../../support/eventually.ts';

// FIPS 180-2, the one-block message of appendix B.1.
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

let root: string;
let store: BlobStore;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'blobs-'));
  store = openBlobStore(`file://${root}`);
});

afterEach(() => rm(root, { recursive: true }));

describe('put', () => {
  test('names a blob by its content, whatever it came from', async () => {
    const file = path.join(root, 'abc.txt');
    await writeFile(file, 'abc');
    const sources = [Buffer.from('abc'), 'abc', Readable.from([Buffer.from('a'), Buffer.from('bc')]), { file }];
    for (const source of sources) {
      const ref = await store.put(source);
      expect(ref).toEqual({ uri: `file://${root}/sha256/ba/${ABC.slice(2)}`, sha256: ABC, bytes: 3 });
    }
    expect(await readdir(path.join(root, 'sha256', 'ba'))).toEqual([ABC.slice(2)]);
  });

  test('leaves nothing behind when its source fails', async () => {
    const failing = Readable.from(
      (async function* () {
        yield Buffer.from('half');
        throw new Error('link lost');
      })(),
    );
    await expect(store.put(failing)).rejects.toThrow('link lost');
    expect(await readdir(path.join(root, 'tmp'))).toEqual([]);
  });

  test('takes away what somebody who was killed had staged, and nothing that is still written', async () => {
    const staging = path.join(root, 'tmp');
    await mkdir(staging);
    const [old, fresh] = [path.join(staging, '.old.tmp'), path.join(staging, '.fresh.tmp')];
    for (const file of [old, fresh]) await writeFile(file, 'half of a blo');
    const longAgo = Date.now() / 1_000 - 7_200;
    await utimes(old, longAgo, longAgo);
    await store.put('abc');
    await eventually(async () => expect(await readdir(staging)).toEqual(['.fresh.tmp']));
  });

  test('a file that is not there is an error of the call, not of the process', async () => {
    // The directory takes a moment to be made: the time in which an early opened stream would fail with nobody listening.
    const fresh = openBlobStore(`file://${root}/not/yet/there`);
    await expect(fresh.put({ file: path.join(root, 'missing') })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('many writers of the same bytes at once all succeed', async () => {
    const refs = await Promise.all(Array.from({ length: 20 }, () => store.put('abc')));
    expect(new Set(refs.map(({ sha256 }) => sha256))).toEqual(new Set([ABC]));
    expect((await store.read(refs[0]!)).toString()).toBe('abc');
  });
});

describe('read', () => {
  test('refuses a blob over the cap and a damaged one', async () => {
    const ref = await store.put('abc');
    await expect(store.read(ref, { maxBytes: 2 })).rejects.toMatchObject({ code: 'TooLarge' });
    await writeFile(path.join(root, 'sha256', 'ba', ABC.slice(2)), 'abd');
    await expect(store.read(ref)).rejects.toMatchObject({ code: 'DigestMismatch' });
    await store.put('abc');
    expect((await store.read(ref)).toString()).toBe('abc');
  });

  test('says where a missing blob was put', async () => {
    const ref = { uri: 'file:///elsewhere/x', sha256: ABC, bytes: 3 };
    await expect(store.read(ref)).rejects.toThrow(/is not in file:.*put at file:\/\/\/elsewhere\/x/);
    expect(await store.has(ref)).toBe(false);
  });

  test.each(['../../etc/passwd', 'BA78', '', `${ABC}/..`])('refuses %j as digest', async (sha256) => {
    await expect(store.read({ uri: '', sha256, bytes: 1 })).rejects.toMatchObject({ code: 'BlobInvalid' });
  });
});

describe('fetchTo', () => {
  test('verifies, makes directories and leaves an equal file untouched', async () => {
    const ref = await store.put('abc');
    const target = path.join(root, 'deep', 'er', 'model.onnx');
    await store.fetchTo(ref, target);
    const first = await stat(target);
    await store.fetchTo(ref, target);
    expect((await stat(target)).ino).toBe(first.ino);
    await writeFile(target, 'xyz');
    await store.fetchTo(ref, target);
    expect(await readFile(target, 'utf8')).toBe('abc');
  });

  test('never publishes a damaged blob', async () => {
    const ref = await store.put('abc');
    await writeFile(path.join(root, 'sha256', 'ba', ABC.slice(2)), 'abd');
    const target = path.join(root, 'out', 'model.onnx');
    await expect(store.fetchTo(ref, target)).rejects.toMatchObject({ code: 'DigestMismatch' });
    expect(await readdir(path.join(root, 'out'))).toEqual([]);
  });
});

test('a file that may be moved becomes the blob', async () => {
  const file = path.join(root, 'made');
  await writeFile(file, 'abc');
  const { ino } = await stat(file);
  const ref = await store.put({ file, move: true });
  expect(ref).toMatchObject({ sha256: ABC, bytes: 3 });
  expect((await store.read(ref)).toString()).toBe('abc');
  expect((await stat(await store.fileOf(ref, ''))).ino).toBe(ino);
  expect(await readdir(root)).not.toContain('made');
});

test('a file whose digest is known already is not read again', async () => {
  const file = path.join(root, 'made');
  await writeFile(file, 'abc');
  const unread = openBlobStore(root, { digest: () => Promise.reject(new Error('read')) });
  const ref = await unread.put({ file, move: true, digest: { sha256: ABC, bytes: 3 } });
  expect(ref).toEqual({ uri: `file://${root}/sha256/ba/${ABC.slice(2)}`, sha256: ABC, bytes: 3 });
  expect((await store.read(ref)).toString()).toBe('abc');
  await expect(unread.fileOf(ref, '')).rejects.toThrow('read');
});

test('fileOf gives the file of a blob itself, once it is verified', async () => {
  const ref = await store.put('abc');
  const file = await store.fileOf(ref, path.join(root, 'unused'));
  expect(await readFile(file, 'utf8')).toBe('abc');
  expect(await readdir(root)).not.toContain('unused');
  await writeFile(file, 'abd');
  await expect(store.fileOf(ref, path.join(root, 'unused'))).rejects.toMatchObject({ code: 'DigestMismatch' });
});

test('other schemes are refused by name', () => {
  expect(() => openBlobStore('gopher://host/x')).toThrow(/"gopher:\/\/" is not supported/);
  expect(() => openBlobStore('blobs')).toThrow(/must be an absolute path/);
});
