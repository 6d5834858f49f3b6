/** Divides samples among simulated clients. Pure: a seed gives the same parts everywhere; each sample is of one client, each client has one. */
import { Random } from '../../../sdk/estimators/onnx/random.ts';
import { badUsage } from '../errors.ts';

/** `iid`: at random. `dirichlet`: skewed classes, the more so the smaller alpha. `shards`: few classes each. */
export type Partition = { name: 'iid' } | { name: 'dirichlet'; alpha: number } | { name: 'shards'; perClient: number };

export interface Divided {
  /** Class of each sample. */
  labels: Int32Array;
  clients: number;
  seed: number;
}

export function parsePartition(text: string): Partition {
  const [name = '', value, ...more] = text.split(':');
  const number = Number(value);
  if (more.length === 0) {
    if (name === 'iid' && value === undefined) return { name };
    if (name === 'dirichlet' && number >= 1e-3 && number <= 1e6) return { name, alpha: number };
    if (name === 'shards' && Number.isInteger(number) && number >= 1) return { name, perClient: number };
  }
  throw badUsage(
    `--partition ${text}: there is no such partition`,
    'iid, dirichlet:ALPHA (0.001 to 1000000; 0.3 is skewed, 100 nearly even) or shards:PER_CLIENT',
  );
}

/** Shards beyond the samples are empty: what so many cost is not seen. */
const mostEmptyShards = 100_000;

/** Indices of each client's samples, ascending. */
export function divide(partition: Partition, into: Divided): Uint32Array[] {
  const { labels, clients, seed } = into;
  if (labels.length < clients)
    throw badUsage(
      `${labels.length} samples cannot be divided among ${clients} clients`,
      `--clients must be at most ${labels.length}, or the datasets must grow`,
    );
  if (partition.name === 'shards' && partition.perClient * clients > Math.max(labels.length, mostEmptyShards))
    throw badUsage(
      `--partition shards:${partition.perClient}: ${clients} clients need more shards than samples`,
      `there are ${labels.length} samples: at most shards:${Math.floor(labels.length / clients)}`,
    );
  const random = new Random(seed);
  const parts = filled(draw(partition, into, random));
  return parts.map((part) => Uint32Array.from(part).sort());
}

function draw(partition: Partition, { labels, clients }: Divided, random: Random): number[][] {
  switch (partition.name) {
    case 'iid':
      return dealt(random.permutation(labels.length), clients);
    case 'dirichlet':
      return skewed(partition.alpha, byClass(labels, random), { clients, random });
    case 'shards':
      return shards(partition.perClient, byClass(labels, random), { clients, random });
  }
}

function dealt(order: Uint32Array, clients: number): number[][] {
  const parts = empty(clients);
  order.forEach((sample, i) => parts[i % clients]?.push(sample));
  return parts;
}

interface Drawing {
  clients: number;
  random: Random;
}

/** Each class is divided by a draw of its own from Dir(alpha, …, alpha) (Yurochkin et al., 2019). */
function skewed(alpha: number, classes: number[][], { clients, random }: Drawing): number[][] {
  const parts = empty(clients);
  for (const samples of classes) {
    const shares = parts.map(() => gamma(alpha, random));
    const whole = shares.reduce((sum, share) => sum + share, 0);
    let [until, from] = [0, 0];
    for (const [client, share] of shares.entries()) {
      until += share;
      const to = client === clients - 1 ? samples.length : Math.round((until / whole) * samples.length);
      parts[client]?.push(...samples.slice(from, to));
      from = Math.max(from, to);
    }
  }
  return parts;
}

/** Samples sorted by class are cut into equal shards, of which each client gets some at random (McMahan et al., 2017). */
function shards(perClient: number, classes: number[][], { clients, random }: Drawing): number[][] {
  const sorted = classes.flat();
  const count = clients * perClient;
  const parts = empty(clients);
  random.permutation(count).forEach((shard, i) => {
    const [from, to] = [shard, shard + 1].map((edge) => Math.round((edge / count) * sorted.length));
    parts[i % clients]?.push(...sorted.slice(from, to));
  });
  return parts;
}

/** Who got nothing is given a sample of whoever has most: a client without samples could not take part. */
function filled(parts: number[][]): number[][] {
  const bySize = parts.toSorted((a, b) => b.length - a.length);
  let giver = 0;
  for (const part of bySize.filter(({ length }) => length === 0)) {
    while ((bySize[giver]?.length ?? 0) < 2) giver = (giver + 1) % bySize.length;
    const sample = bySize[giver]?.pop();
    if (sample !== undefined) part.push(sample);
    giver = (giver + 1) % bySize.length;
  }
  return parts;
}

function byClass(labels: Int32Array, random: Random): number[][] {
  const classes = new Map<number, number[]>();
  for (const sample of random.permutation(labels.length)) {
    const label = labels[sample] ?? 0;
    const known = classes.get(label);
    if (known === undefined) classes.set(label, [sample]);
    else known.push(sample);
  }
  return [...classes].sort(([a], [b]) => a - b).map(([, samples]) => samples);
}

/** Gamma(alpha, 1) by Marsaglia and Tsang (2000); alpha below 1 through Gamma(alpha + 1) · U^(1/alpha). Never 0. */
function gamma(alpha: number, random: Random): number {
  if (alpha < 1) return Math.max(Number.MIN_VALUE, gamma(alpha + 1, random) * (1 - random.uniform()) ** (1 / alpha));
  const d = alpha - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

function empty(clients: number): number[][] {
  return Array.from({ length: clients }, () => []);
}
