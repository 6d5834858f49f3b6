import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { divide, parsePartition } from '../../../cli/lib/simulation/partition.ts';

const labels = Int32Array.from({ length: 2_000 }, (_, i) => i % 10);

/** Share of a client's most frequent class, mean over clients. */
function skew(parts: Uint32Array[]): number {
  const shares = parts.map((part) => {
    const counts = new Map<number, number>();
    for (const sample of part) counts.set(labels[sample] ?? 0, (counts.get(labels[sample] ?? 0) ?? 0) + 1);
    return Math.max(...counts.values()) / part.length;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

test('each sample is of exactly one client and no client has none, whatever the partition', () => {
  const partition = fc.oneof(
    fc.constant('iid'),
    fc.double({ min: 0.001, max: 100, noNaN: true }).map((alpha) => `dirichlet:${alpha}`),
    fc.integer({ min: 1, max: 5 }).map((perClient) => `shards:${perClient}`),
  );
  const classes = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(partition, classes, fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(), (name, own, share, seed) => {
      const clients = Math.max(1, Math.ceil(share * own.length));
      const parts = divide(parsePartition(name), { labels: Int32Array.from(own), clients, seed });
      expect(parts).toHaveLength(clients);
      expect(parts.every(({ length }) => length > 0)).toBe(true);
      expect(parts.flatMap((part) => [...part]).sort((a, b) => a - b)).toEqual(own.map((_, i) => i));
    }),
  );
});

test('a seed gives the same parts, another one others', () => {
  const into = { labels, clients: 20, seed: 3 };
  expect(divide(parsePartition('dirichlet:0.3'), into)).toEqual(divide(parsePartition('dirichlet:0.3'), into));
  expect(divide(parsePartition('dirichlet:0.3'), into)).not.toEqual(
    divide(parsePartition('dirichlet:0.3'), { ...into, seed: 4 }),
  );
});

test('a small alpha gives clients few classes, a large one all of them alike; shards give as many classes as shards', () => {
  const of = (name: string): number => skew(divide(parsePartition(name), { labels, clients: 20, seed: 1 }));
  expect(of('dirichlet:0.05')).toBeGreaterThan(0.6);
  expect(of('dirichlet:1000')).toBeLessThan(0.2);
  expect(of('iid')).toBeLessThan(0.25);
  const shards = divide(parsePartition('shards:1'), { labels, clients: 20, seed: 1 });
  expect(shards.every((part) => new Set([...part].map((sample) => labels[sample])).size === 1)).toBe(true);
});

test.each(['', 'iid:1', 'dirichlet', 'dirichlet:0', 'dirichlet:x', 'shards:0', 'shards:1.5', 'shards:1:2', 'zipf:1'])(
  'partition %j is refused with what there is',
  (text) => expect(() => parsePartition(text)).toThrow(`--partition ${text}: there is no such partition`),
);

test('more clients than samples is refused', () => {
  const into = { labels: new Int32Array(3), clients: 4, seed: 0 };
  expect(() => divide({ name: 'iid' }, into)).toThrow('3 samples cannot be divided among 4 clients');
});
