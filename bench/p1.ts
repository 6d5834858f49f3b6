/** P1: the weighted mean of K updates of n singles, from memory and from files, against the memory bandwidth and two peers. */
import type { BenchmarkOptions, Case } from './lib/case.ts';
import { median, ratioInterval } from './lib/statistics.ts';
import { InFiles } from './p1/in-files.ts';
import { InMemory } from './p1/in-memory.ts';
import { Peers } from './p1/peers.ts';
import { triad } from './p1/triad.ts';

type Place = 'memory' | 'files';
type PeerName = 'list' | 'flower';

const full = { sizes: [1e5, 1e6, 1e7, 1e8], clients: [5, 10], triad: 256 * 2 ** 20 };
const tiny = { sizes: [1e4], clients: [5], triad: 2 ** 20 };

const PAIRS = 5;
/** One mean of lists takes seconds per 10⁷ values, and 32 bytes and more for each. */
const MOST_OF_LISTS = 1e7;
const MOST_OF_FLOWER = 1e8;
/** What 4 GiB of WebAssembly memory hold. */
const MEMORY_BYTES = 3.9e9;
const GOALS = { memory: { list: 300, flower: 3 }, files: { list: 150, flower: undefined } };

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const { sizes, clients, triad: bytes } = quick ? tiny : full;
  const peers = quick ? undefined : await Peers.start().catch((error: Error) => error);
  const before = await triad(bytes);
  const cases: Case[] = [];
  for (const k of clients) {
    for (const n of sizes) {
      if ((k + 1) * n * 4 < MEMORY_BYTES)
        cases.push(...(await measure(new InMemory(n, k), { n, k, place: 'memory', peers, bound: before })));
      cases.push(...(await fromFiles({ n, k, place: 'files', peers, bound: before })));
    }
  }
  if (peers instanceof Peers) peers.close();
  const after = await triad(bytes);
  cases.push({ name: 'triad after / before', value: after / before, unit: '', goal: { atLeast: 0.85, atMost: 1.15 } });
  return cases;
}

interface Setting {
  n: number;
  k: number;
  place: Place;
  peers: Peers | Error | undefined;
  bound: number;
}

async function fromFiles(setting: Setting): Promise<Case[]> {
  const { n, k, bound } = setting;
  const files = await InFiles.make(n, k);
  const rates: number[] = [];
  await files.durableSeconds();
  for (let i = 0; i < PAIRS; i++) rates.push(((k + 1) * n * 4) / (await files.durableSeconds()) / 1e9);
  const value = median(rates);
  const name = 'mean from files, with digest and flush';
  const durable: Case = {
    name,
    n,
    clients: k,
    value,
    unit: 'GB/s',
    bound: bound / 1e9,
    ratioToBound: value / (bound / 1e9),
  };
  return [...(await measure(files, setting)), durable];
}

interface Side {
  seconds(): Promise<number>;
  close(): Promise<void>;
}

async function measure(ours: Side, setting: Setting): Promise<Case[]> {
  try {
    await ours.seconds(); // wakes the threads, fills caches
    const cases: Case[] = [];
    for (const peer of ['list', 'flower'] as const) cases.push(await against(peer, ours, setting));
    return cases;
  } finally {
    await ours.close();
  }
}

/** Rates in bytes read and written per second: (K + 1) · n · 4 / seconds. Ours and the peer's alternate. */
async function against(name: PeerName, ours: Side, { n, k, place, peers, bound }: Setting): Promise<Case> {
  const bytes = (k + 1) * n * 4;
  const tooLarge = n > (name === 'list' ? MOST_OF_LISTS : MOST_OF_FLOWER);
  const peer = peers instanceof Peers && !tooLarge ? peers : undefined;
  const [mine, theirs]: [number[], number[]] = [[], []];
  for (let i = 0; i < PAIRS; i++) {
    mine.push(bytes / (await ours.seconds()) / 1e9);
    if (peer) theirs.push(bytes / (await peer.seconds(n, k, name)) / 1e9);
  }
  const value = median(mine);
  const common = { n, clients: k, value, unit: 'GB/s', bound: bound / 1e9, ratioToBound: value / (bound / 1e9) };
  const label = `mean from ${place}, peer: ${name === 'list' ? 'lists' : 'Flower'}`;
  if (!peer) {
    const why = peers instanceof Error ? peers.message : tooLarge ? 'would take minutes and tens of GB' : 'quick run';
    return { name: label, ...common, skipped: why };
  }
  const least = GOALS[place][name];
  const goal = least === undefined ? {} : { goal: { atLeast: least, of: 'ratio' as const } };
  const ratio = value / median(theirs);
  return {
    name: label,
    ...common,
    peer: median(theirs),
    ratioToPeer: ratio,
    interval: ratioInterval(mine, theirs),
    ...goal,
  };
}
