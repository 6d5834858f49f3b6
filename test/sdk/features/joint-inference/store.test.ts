import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { settingsOf } from '../../../../sdk/features/joint-inference/deferred/settings.ts';
import { DeferredStore } from '../../../../sdk/features/joint-inference/deferred/store.ts';

const MiB = 1024 * 1024;
let folder: string;
let time: number;

beforeEach(() => {
  folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'deferred-'));
  time = 1_000_000;
});

const open = (quotaBytes = 8 * MiB) => new DeferredStore({ folder, quotaBytes, maxAgeMs: 1_000, now: () => time });
const bytes = (...values: number[]) => Uint8Array.from(values);
const request = (id: string, uncertainty: number, input = Buffer.from(id)) => ({
  id,
  input,
  provisional: bytes(0),
  uncertainty,
});

describe('a request', () => {
  test('ends once: with the answer that came first, and is remembered by another process', () => {
    const store = open();
    expect(store.put(request('a', 0.5))).toBe('Kept');
    expect(store.get('a')).toMatchObject({ state: 'pending', provisional: bytes(0), answer: null, sequence: null });
    const claimed = store.claim(100);
    expect(Buffer.from(claimed?.input ?? [])).toEqual(Buffer.from('a'));
    const digest = claimed?.digest ?? '';
    expect([store.finalise(digest, bytes(1)), store.finalise(digest, bytes(2))]).toEqual([1, 0]);
    expect(store.expire(digest, 'CloudRefused', 'no')).toBe(0);
    store.close();
    const again = open();
    expect(again.get('a')).toMatchObject({ state: 'final', answer: bytes(1), sequence: 1, endedAt: time });
    expect(again.put(request('a', 0.5))).toBe('Kept'); // its caller asked twice
    expect(again.counts()).toEqual({ pending: 0, final: 1, expired: 0 });
    again.close();
  });

  test('another one of its id is not kept under it', () => {
    const store = open();
    expect([store.put(request('a', 0.5)), store.put(request('a', 0.5))]).toEqual(['Kept', 'Kept']);
    expect(store.put(request('a', 0.5, Buffer.from('another')))).toBe('IdTaken');
    expect(store.counts()).toEqual({ pending: 1, final: 0, expired: 0 });
    store.close();
  });

  test('is asked about by one at a time, the least sure first; a lease that ends gives it back', () => {
    const store = open();
    const other = open();
    for (const [id, unsure] of [
      ['sure', 0.1],
      ['unsure', 0.9],
      ['between', 0.5],
    ] as const)
      store.put(request(id, unsure));
    const names = [store, other, store].map((each) => Buffer.from(each.claim(100)?.input ?? []).toString());
    expect(names).toEqual(['unsure', 'between', 'sure']);
    expect(other.claim(100)).toBeUndefined();
    time += 100;
    const claimed = other.claim(100);
    expect(Buffer.from(claimed?.input ?? []).toString()).toBe('unsure');
    store.release(claimed?.digest ?? '');
    expect(store.claim(100)?.digest).toBe(claimed?.digest);
    store.close();
    other.close();
  });

  test('shares its input with others that ask the same, and all of them end together', () => {
    const store = open();
    const input = Buffer.from('the same');
    for (const id of ['a', 'b', 'c']) store.put(request(id, 0.5, input));
    const { digest = '' } = store.claim(100) ?? {};
    expect(store.claim(100)).toBeUndefined();
    expect(store.finalise(digest, bytes(7))).toBe(3);
    expect(store.endsAfter(0, 10).map(({ id, sequence }) => [id, sequence])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    expect(store.endsAfter(2, 10).map(({ id }) => id)).toEqual(['c']);
    store.close();
  });

  test('that waits too long expires, and its end is forgotten as long after', () => {
    const store = open();
    store.put(request('a', 0.5));
    time += 999;
    expect(store.sweep()).toBe(0);
    time += 1;
    expect(store.sweep()).toBe(1);
    expect(store.get('a')).toMatchObject({ state: 'expired', reason: 'TooOld' });
    expect(store.claim(100)).toBeUndefined();
    time += 1_000;
    store.sweep();
    expect(store.get('a')).toBeUndefined();
    expect(store.lastSequence()).toBe(1);
    store.close();
  });

  test('is an example once it is answered, until somebody has learnt it; one at a time has it', () => {
    const store = open();
    const other = open();
    const input = Buffer.from('the same');
    for (const id of ['a', 'b']) store.put(request(id, 0.5, input));
    const { digest = '' } = store.claim(100) ?? {};
    store.finalise(digest, bytes(7), { learn: true });
    store.finalise(digest, bytes(8), { learn: true });
    const example = { digest, input: bytes(...input), answer: bytes(7) };
    expect(store.examples(8, 100)).toEqual([{ ...example, again: false }]);
    expect(other.examples(8, 100)).toEqual([]);
    // Its input is asked about once more meanwhile, and the worker that has the example is killed.
    expect(store.put(request('c', 0.5, input))).toBe('Kept');
    time += 100;
    expect(other.examples(8, 100)).toEqual([{ ...example, again: true }]);
    other.learnt(digest);
    expect(other.claim(100)).toMatchObject({ digest, input: bytes(...input) });
    store.finalise(digest, bytes(9));
    time += 100;
    expect(store.examples(8, 100)).toEqual([]);
    store.learnt(digest);
    store.close();
    other.close();
  });

  test('its caller is told until it says that it has it', () => {
    const store = open();
    store.put({ ...request('a', 0.5), callback: 'http://caller/' });
    expect(store.toDeliver(10)).toBeUndefined();
    store.finalise(store.claim(100)?.digest ?? '', bytes(1));
    expect(store.toDeliver(10, ['http://caller/'])).toBeUndefined();
    expect(store.toDeliver(10, ['http://calle/'])).toMatchObject({ id: 'a', callback: 'http://caller/', calls: 0 });
    expect(store.toDeliver(10)).toBeUndefined();
    store.deliverAgain('a', 5);
    time += 5;
    expect(store.toDeliver(10)).toMatchObject({ id: 'a', calls: 1 });
    store.delivered('a');
    time += 1_000;
    expect(store.toDeliver(10)).toBeUndefined();
    store.close();
  });
});

describe('the quota', () => {
  const large = (id: string, uncertainty: number) => request(id, uncertainty, Buffer.alloc(2 * MiB, id));

  test('what was delivered goes first, then what the little model was surest of; what is surer than all of it is not kept', () => {
    const store = open();
    for (const [id, unsure] of [
      ['a', 0.9],
      ['b', 0.5],
      ['c', 0.7],
    ] as const) {
      expect(store.put(large(id, unsure))).toBe('Kept');
    }
    expect(store.put(large('d', 0.4))).toBe('NoRoom');
    expect(store.get('d')).toBeUndefined();
    expect(store.put(large('e', 0.8))).toBe('Kept');
    expect(store.get('b')).toMatchObject({ state: 'expired', reason: 'NoRoom' });
    const { digest = '' } = store.claim(100) ?? {};
    store.finalise(digest, Buffer.alloc(MiB));
    expect(store.put(large('f', 0.1))).toBe('NoRoom');
    store.delivered('a');
    expect(store.put(large('f', 0.1))).toBe('Kept');
    expect(store.get('a')).toBeUndefined();
    store.close();
  });

  test('an example that nobody learns goes before what waits, and in the end by itself', () => {
    const store = open();
    for (const id of ['a', 'b', 'c']) store.put(large(id, 0.5));
    store.finalise(store.claim(100)?.digest ?? '', bytes(1), { learn: true });
    expect(store.put(large('d', 0.1))).toBe('Kept');
    expect(store.examples(8, 1)).toEqual([]);
    const { digest = '' } = store.claim(100) ?? {};
    store.finalise(digest, bytes(1), { learn: true });
    store.learnLater(digest, 10);
    expect(store.examples(8, 1)).toEqual([]);
    time += 10;
    expect(store.examples(8, 1)).toHaveLength(1);
    time += 1_000;
    store.sweep();
    expect(store.examples(8, 1)).toEqual([]);
    store.close();
  });

  test('an answer that there is no room for ends its requests, with that reason', () => {
    const store = open();
    for (const id of ['a', 'b', 'c', 'd']) store.put(request(id, 0.5, Buffer.from('the same')));
    const { digest = '' } = store.claim(100) ?? {};
    expect(store.finalise(digest, Buffer.alloc(2 * MiB))).toBe(4);
    expect(store.get('d')).toMatchObject({
      state: 'expired',
      reason: 'NoRoom',
      message: expect.stringContaining('answer'),
    });
    store.close();
  });

  test('a damaged file is set aside, and the next one begun', () => {
    writeFileSync(join(folder, 'deferred.sqlite'), 'no database'.repeat(1_000));
    const told = jest.spyOn(console, 'error').mockReturnValue();
    const store = open();
    expect(told).toHaveBeenCalledWith(expect.stringContaining('deferred.sqlite.damaged'));
    told.mockRestore();
    expect(store.put(request('a', 0.5))).toBe('Kept');
    expect(statSync(join(folder, 'deferred.sqlite.damaged')).size).toBe(11_000);
    store.close();
  });

  test('what finds no room where the service moved to expires; what is known there stays as it is', () => {
    const there = open(16 * MiB);
    for (let i = 0; i < 10; i++) there.put(request(`r${i}`, i / 10, Buffer.alloc(MiB, i)));
    there.close();
    const file = join(folder, 'deferred.sqlite');
    folder = mkdtempSync(join(folder, 'new-'));
    const here = open(8 * MiB);
    here.put(request('r9', 0.9, Buffer.from('another')));
    for (let twice = 0; twice < 2; twice++) here.transaction(() => here.adopt(file, 'old'));
    expect(here.get('r9')?.digest).toBe(createHash('sha256').update('another').digest('hex'));
    expect(here.get('r8')).toMatchObject({ state: 'pending', createdAt: time, expiresAt: time + 1_000 });
    expect(here.get('r0')).toMatchObject({ state: 'expired', reason: 'NoRoom' });
    const { pending, expired } = here.counts();
    expect(pending + expired).toBe(10);
    expect(statSync(join(folder, 'deferred.sqlite')).size).toBeLessThanOrEqual(8 * MiB);
    here.close();
  });

  test('who follows the ends of one node misses none of another one', () => {
    const end = (store: DeferredStore, id: string) => {
      store.put(request(id, 0.5));
      store.finalise(store.claim(1)?.digest ?? '', bytes(1));
    };
    const there = open();
    for (const id of ['a1', 'a2', 'a3']) end(there, id);
    there.close();
    const file = join(folder, 'deferred.sqlite');
    folder = mkdtempSync(join(folder, 'new-'));
    const here = open();
    for (const id of ['b1', 'b2']) end(here, id);
    expect(here.adopt(file, 'old')).toBeUndefined();
    const ids = here.endsAfter(3, 100).map(({ id }) => id);
    expect(ids).toEqual(['b1', 'b2', 'a1', 'a2', 'a3']);
    end(here, 'b3');
    expect(here.endsAfter(here.get('a3')?.sequence ?? 0, 100).map(({ id }) => id)).toEqual(['b3']);
    here.close();
  });

  test('one that is busy is not taken in now, and not set aside; one that is damaged says so', () => {
    const there = open();
    there.put(request('a', 0.5));
    there.close();
    const file = join(folder, 'deferred.sqlite');
    const busy = new DatabaseSync(file);
    busy.exec('BEGIN EXCLUSIVE');
    folder = mkdtempSync(join(folder, 'new-'));
    const here = open();
    expect(() => here.adopt(file, 'old')).toThrow('locked');
    busy.exec('COMMIT');
    busy.close();
    expect(here.adopt(file, 'old')).toBeUndefined();
    expect(here.get('a')).toMatchObject({ state: 'pending' });
    writeFileSync(file, 'no database'.repeat(1_000));
    expect(here.adopt(file, 'other')).toBe('file is not a database');
    here.close();
  });

  test('what applied when requests were promised an answer is kept with them', () => {
    expect(settingsOf(folder)).toBeUndefined();
    const settings = { quotaBytes: 8 * MiB, maxAgeMs: 1_000, callbackHosts: ['hooks.example.org'] };
    const options = { folder, quotaBytes: 8 * MiB, maxAgeMs: 1_000 };
    new DeferredStore({ ...options, settings: JSON.stringify(settings) }).close();
    new DeferredStore(options).close();
    expect(settingsOf(folder)).toEqual(settings);
  });

  test('less than 4 MiB is no quota', () => {
    expect(() => open(MiB)).toThrow('spec.deferred.quota: must be at least 4Mi');
  });

  test('whatever is put and answered: the file stays below it, and every request is answered, waits, or says why not', () => {
    const size = fc.oneof(fc.nat(200), fc.nat(20_000), fc.nat(400_000));
    const step = fc.record({
      size,
      uncertainty: fc.double({ min: 0, max: 1, noNaN: true }),
      answer: fc.boolean(),
      large: fc.boolean(),
      learn: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 80 }), (steps) => {
        folder = mkdtempSync(join(process.env['TEST_RUN_DIR'] ?? tmpdir(), 'deferred-'));
        const store = open(4 * MiB);
        const kept: string[] = [];
        for (const [i, { size, uncertainty, answer, large, learn }] of steps.entries()) {
          const id = `r${i}`;
          const input = Buffer.alloc(size, i);
          if (store.transaction(() => store.put({ ...request(id, uncertainty, input), provisional: input })) === 'Kept')
            kept.push(id);
          const claimed = answer ? store.claim(1) : undefined;
          if (claimed) store.finalise(claimed.digest, Buffer.alloc(large ? size : 1), { learn });
          expect(statSync(join(folder, 'deferred.sqlite')).size).toBeLessThanOrEqual(4 * MiB);
        }
        for (const id of kept) expect(['pending', 'final', 'expired']).toContain(store.get(id)?.state);
        store.close();
        rmSync(folder, { recursive: true });
      }),
      { numRuns: 6 },
    );
  });
});

describe('a clock that is set back', () => {
  test('leaves nothing waiting: neither a request that somebody asks about, nor an example, nor a callback', () => {
    time = 2_000_000_000;
    const store = new DeferredStore({ folder, quotaBytes: 8 * MiB, maxAgeMs: 1e12, now: () => time });
    store.put({ ...request('a', 0.5), callback: 'http://hooks.example.org/' });
    const { digest = '' } = store.claim(60_000) ?? {};
    time -= 1_000_000_000;
    expect(store.claim(60_000)?.digest).toBe(digest);
    expect(store.claim(60_000)).toBeUndefined();
    time += 1_000_000_000;
    store.finalise(digest, bytes(1), { learn: true });
    expect(store.examples(1, 60_000).length + (store.toDeliver(60_000) ? 1 : 0)).toBe(2);
    expect(store.examples(1, 60_000).length + (store.toDeliver(60_000) ? 1 : 0)).toBe(0);
    time -= 1_000_000_000;
    expect(store.examples(1, 60_000).length + (store.toDeliver(60_000) ? 1 : 0)).toBe(2);
    store.close();
  });
});

test('an end that somebody has asked for is told to its callback all the same, and only then goes where room is needed', () => {
  const store = open();
  store.put({ ...request('a', 0.5), callback: 'http://hooks.example.org/' });
  store.finalise(store.claim(100)?.digest ?? '', bytes(1));
  store.fetched('a');
  expect(store.toDeliver(100)).toMatchObject({ id: 'a' });
  store.delivered('a');
  time += 100;
  expect(store.toDeliver(100)).toBeUndefined();
  store.close();
});
