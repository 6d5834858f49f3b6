/** P2: what a federated round costs when nobody trains, with all that makes it durable, against JSON over WebSocket; and what makes it grow. */
import { fileURLToPath } from 'node:url';
import type { BenchmarkOptions, Case } from './lib/case.ts';
import { median, quantile, ratioInterval } from './lib/statistics.ts';
import { asking } from './p2/asking.ts';
import { FederatedRounds, type Rounds } from './p2/rounds.ts';
import { websocketPython } from './peers/environments.ts';
import { LinePeer } from './peers/lines.ts';

interface Size {
  n: number;
  k: number;
  rounds: number;
  /** Of the peer, whose rounds are long. */
  peerRounds: number;
}

const full = {
  sizes: [
    { n: 1e3, k: 2, rounds: 20, peerRounds: 20 },
    { n: 1e3, k: 10, rounds: 20, peerRounds: 20 },
    { n: 1e5, k: 10, rounds: 20, peerRounds: 6 },
    { n: 5e5, k: 2, rounds: 20, peerRounds: 6 },
    { n: 5e5, k: 10, rounds: 20, peerRounds: 4 },
    { n: 5e6, k: 10, rounds: 10, peerRounds: 0 },
  ] satisfies Size[],
  many: 300,
  asking: {
    places: [
      { nodes: 1, k: 10 },
      { nodes: 10, k: 10 },
      { nodes: 1, k: 50 },
    ],
    rounds: 20,
  },
};
const tiny = {
  sizes: [{ n: 1e3, k: 2, rounds: 3, peerRounds: 0 }] satisfies Size[],
  many: 5,
  asking: { places: [{ nodes: 1, k: 2 }], rounds: 2 },
};

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const { sizes, many, asking: askings } = quick ? tiny : full;
  const peer = quick ? undefined : await startPeer().catch((error: Error) => error);
  const cases: Case[] = [];
  const ours = await FederatedRounds.start();
  try {
    const measured = new Map<string, Rounds>();
    for (const size of sizes) {
      const result = await ours.run(size);
      measured.set(`${size.n}/${size.k}`, result);
      cases.push(await against(peer, size, result));
    }
    cases.push(...bookkeeping(sizes[0] as Size, measured));
    cases.push(...growth(measured));
    cases.push(await late(ours, many));
  } finally {
    await ours.close();
    if (peer instanceof LinePeer) peer.close();
  }
  return [...cases, ...(await asking(askings))];
}

async function startPeer(): Promise<LinePeer> {
  const script = fileURLToPath(new URL('./p2/peer.py', import.meta.url));
  return LinePeer.start({ command: await websocketPython(), args: [script] });
}

async function against(peer: LinePeer | Error | undefined, size: Size, { times }: Rounds): Promise<Case> {
  const { n, k, peerRounds } = size;
  const value = median(times);
  const one: Case = { name: 'round, p50', n, clients: k, value, unit: 'ms' };
  if (peer === undefined || peerRounds === 0) return one;
  if (peer instanceof Error) return { ...one, skipped: peer.message };
  const { seconds } = (await peer.ask({ n, k, rounds: peerRounds })) as { seconds: number[] };
  const theirs = seconds.map((second) => second * 1_000);
  // How often ours fits into theirs.
  const ratio = { peer: median(theirs), ratioToPeer: median(theirs) / value, interval: ratioInterval(theirs, times) };
  return n === 5e5 && k === 10 ? { ...one, ...ratio, goal: { atLeast: 100, of: 'ratio' } } : { ...one, ...ratio };
}

/** A round of two clients with hardly any weights is bookkeeping and nothing else. */
function bookkeeping({ n, k }: Size, measured: Map<string, Rounds>): Case[] {
  const { times } = measured.get(`${n}/${k}`) as Rounds;
  const one = { n, clients: k, unit: 'ms' };
  return [
    { name: 'bookkeeping of a round, p50', ...one, value: quantile(times, 0.5), goal: { atMost: 50 } },
    { name: 'bookkeeping of a round, p99', ...one, value: quantile(times, 0.99), goal: { atMost: 150 } },
  ];
}

/** Milliseconds per client, microseconds per client and thousand weights, memory. */
function growth(measured: Map<string, Rounds>): Case[] {
  const [two, ten, large] = ['1000/2', '1000/10', '500000/10'].map((key) => measured.get(key));
  if (two === undefined || ten === undefined || large === undefined) return [];
  const perClient = (median(ten.times) - median(two.times)) / 8;
  const perWeight = (((median(large.times) - median(ten.times)) * 1e3) / (10 * (5e5 - 1e3))) * 1e3;
  return [
    { name: 'growth: one more client', value: perClient, unit: 'ms' },
    { name: 'growth: a thousand more weights of one client', value: perWeight, unit: 'us' },
    { name: 'memory of manager and node, 10 clients against 2', value: ten.memoryKiB / two.memoryKiB, unit: '' },
  ];
}

async function late(ours: FederatedRounds, rounds: number): Promise<Case> {
  const size = { n: 1e3, k: 2 };
  const early = await ours.run({ ...size, rounds: 20 });
  const last = await ours.run({ ...size, rounds });
  const value = median(last.times) / median(early.times);
  return {
    name: `round ${rounds} against round 20`,
    n: size.n,
    clients: size.k,
    value,
    unit: '',
    goal: { atMost: 1.1 },
  };
}
