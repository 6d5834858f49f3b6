import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readFile, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { behind } from '../../../sdk/storage/buffers.ts';
import { copyFileAtomic, localPath, resolveInside, writeFileAtomic } from '../../../sdk/storage/index.ts';

let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(path.join(tmpdir(), 'files-')));
});

afterEach(() => rm(root, { recursive: true }));

test('a failing write keeps the old content and leaves no temporary file', async () => {
  const file = path.join(root, 'config.json');
  await writeFileAtomic(file, 'old');
  const failing = (async function* () {
    yield 'new';
    throw new Error('disk full');
  })();
  await expect(writeFileAtomic(file, failing)).rejects.toThrow('disk full');
  expect(await readFile(file, 'utf8')).toBe('old');
  expect(await readdir(root)).toEqual(['config.json']);
});

test('pieces are written one behind the other, however many there are', async () => {
  const file = path.join(root, 'pieces');
  const pieces = Array.from({ length: 3_000 }, (_, i) => Buffer.from(i % 3 === 0 ? '' : `${i},`));
  await writeFileAtomic(file, pieces);
  expect(await readFile(file)).toEqual(Buffer.concat(pieces));
  expect(await readdir(root)).toEqual(['pieces']);
});

test('what is left of buffers after their first bytes', () => {
  const buffers = ['ab', '', 'cde', 'f'].map((text) => Buffer.from(text));
  const rest = (bytes: number) => behind(buffers, bytes).map((part) => Buffer.from(part).toString());
  expect([0, 1, 2, 4, 5, 6].map(rest)).toEqual([
    ['ab', 'cde', 'f'],
    ['b', 'cde', 'f'],
    ['cde', 'f'],
    ['e', 'f'],
    ['f'],
    [],
  ]);
});

test('a reader never sees half a copy', async () => {
  const file = path.join(root, 'data');
  const contents = ['a', 'b'].map((letter) => letter.repeat(1 << 20));
  await Promise.all(contents.map((content, index) => writeFile(path.join(root, `source${index}`), content)));
  await writeFileAtomic(file, contents[0]!);
  let done = false;
  const writer = (async () => {
    for (let i = 0; i < 10; i++) await copyFileAtomic(path.join(root, `source${i % 2}`), file);
    done = true;
  })();
  let reads = 0;
  while (!done) {
    expect(contents).toContain(await readFile(file, 'utf8'));
    reads++;
  }
  await writer;
  expect(reads).toBeGreaterThan(0);
});

describe('resolveInside', () => {
  test('accepts what stays inside, existing or not', async () => {
    await mkdir(path.join(root, 'in'));
    await symlink(path.join(root, 'in'), path.join(root, 'link'));
    expect(await resolveInside(root, 'in/new/file')).toBe(path.join(root, 'in/new/file'));
    expect(await resolveInside(root, path.join(root, 'in'))).toBe(path.join(root, 'in'));
    expect(await resolveInside(root, 'link/file')).toBe(path.join(root, 'in/file'));
    expect(await resolveInside(root, '..name')).toBe(path.join(root, '..name'));
  });

  test('refuses what leads out', async () => {
    await symlink('/etc', path.join(root, 'etc'));
    await symlink(path.join(root, 'nowhere'), path.join(root, 'dangling'));
    const outside = [
      '../x',
      'a/../../x',
      'a\\..\\x',
      '/etc/passwd',
      `${root}-sibling/x`,
      'etc/passwd',
      'dangling',
      'a\0b',
    ];
    for (const candidate of outside) {
      await expect(resolveInside(root, candidate)).rejects.toMatchObject({ code: 'PathEscape' });
    }
  });
});

describe('localPath', () => {
  test.each([
    ['/data/train.txt', '/data/train.txt'],
    ['/data//a/./b', '/data/a/b'],
    ['file:///data/a%20b', '/data/a b'],
    ['FILE:///data/x', '/data/x'],
  ])('%s', (location, expected) => expect(localPath(location)).toBe(expected));

  test.each([
    ['s3://bucket/key', 'UnsupportedScheme', '"s3://" is not supported here'],
    ['data/train.txt', 'InvalidLocation', 'must be an absolute path'],
    ['/data/../etc/passwd', 'InvalidLocation', '".." segments'],
    ['file:///data/%2e%2e/etc', 'InvalidLocation', '".." segments'],
    ['file:///a%2Fb', 'InvalidLocation', 'must be a file URL'],
    ['file://host/x', 'InvalidLocation', 'must be a file URL'],
    ['/a\0b', 'InvalidLocation', 'control characters'],
    ['', 'InvalidLocation', 'must be an absolute path'],
  ])('refuses %j', (location, code, message) => {
    expect(() => localPath(location)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});
