/** P11: what the entity frame and its protocol cost, on a server of its own, against bare workflows in the same run. */
import { fileURLToPath } from 'node:url';
import { controlQueue } from '../workflows/lib/ids.ts';
import type { BenchmarkOptions, Case, Goal } from './lib/case.ts';
import { median, quantile, ratioInterval } from './lib/statistics.ts';
import { BenchTemporal, bundle } from './lib/temporal.ts';
import { Starts } from './p11/activities.ts';
import { Bare, Framed, type Side } from './p11/frame.ts';
import { killed } from './p11/killed.ts';
import { replay } from './p11/replay.ts';

const full = { entities: 200, messages: 400, bursts: 5, burst: 100, replays: 5, events: 4_000, kills: 3, killed: 100 };
const tiny = { entities: 5, messages: 10, bursts: 1, burst: 5, replays: 1, events: 100, kills: 1, killed: 3 };

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const sizes = quick ? tiny : full;
  const workflowBundle = await bundle(fileURLToPath(new URL('./workflows/index.ts', import.meta.url)));
  const temporal = await BenchTemporal.start();
  try {
    const starts = new Starts();
    await temporal.control({ taskQueue: controlQueue, workflowBundle, activities: starts.activities });
    const framed = new Framed(temporal, starts);
    const bare = new Bare(temporal, starts);
    return [
      ...(await firstActivity(framed, bare, sizes.entities)),
      ...(await nextActivity(framed, bare, sizes.messages)),
      await rate(framed, bare, sizes),
      await transitions(framed, bare),
      await replay(temporal, { framed, bare }, workflowBundle, sizes),
      ...(await killed(workflowBundle.code, { kills: sizes.kills, entities: sizes.killed })),
    ];
  } finally {
    await temporal.close();
  }
}

async function firstActivity(framed: Framed, bare: Bare, n: number): Promise<Case[]> {
  const warm = Math.ceil(n / 10);
  const taken = await alternating(n + warm, (i) => [framed.first(`first-${i}`), () => bare.first(`first-${i}`)]);
  const [ours, peers] = taken.map((times) => times.slice(warm)) as [number[], number[]];
  return latencies('new entity → first activity', ours, peers, { p50: 25 });
}

async function nextActivity(framed: Framed, bare: Bare, n: number): Promise<Case[]> {
  await framed.first('runs');
  await bare.begin('runs');
  const [ours, peers] = await alternating(n, () => [framed.next('runs'), () => bare.next('runs')]);
  return latencies('running entity: signal → activity', ours, peers, { p50: 10, p99: 50 });
}

/** ABAB, one after the other. */
async function alternating(
  n: number,
  pair: (i: number) => [Promise<number>, () => Promise<number>],
): Promise<[number[], number[]]> {
  const [ours, peers]: [number[], number[]] = [[], []];
  for (let i = 0; i < n; i++) {
    const [first, second] = pair(i);
    ours.push(await first);
    peers.push(await second());
  }
  return [ours, peers];
}

function latencies(name: string, ours: number[], peers: number[], goals: { p50?: number; p99?: number }): Case[] {
  return (['p50', 'p99'] as const).map((label) => {
    const p = label === 'p50' ? 0.5 : 0.99;
    const [value, peer] = [quantile(ours, p), quantile(peers, p)];
    const goal: { goal?: Goal } = goals[label] === undefined ? {} : { goal: { atMost: goals[label] } };
    const interval = label === 'p50' ? { interval: ratioInterval(ours, peers) } : {};
    return {
      name: `${name}, ${label}`,
      n: ours.length,
      value,
      unit: 'ms',
      peer,
      ratioToPeer: value / peer,
      ...interval,
      ...goal,
    };
  });
}

async function rate(framed: Framed, bare: Bare, { bursts, burst }: typeof full): Promise<Case> {
  const sides: [Side, number[]][] = [
    [framed, []],
    [bare, []],
  ];
  for (let i = 0; i < bursts; i++) {
    for (const [side, rates] of sides) rates.push(await side.burst(`burst-${i}`, burst));
  }
  const [ours, peers] = sides.map(([, rates]) => rates) as [number[], number[]];
  return {
    name: 'one-activity entities against bare workflows',
    n: burst,
    value: median(ours),
    unit: '/s',
    peer: median(peers),
    ratioToPeer: median(ours) / median(peers),
    interval: ratioInterval(ours, peers),
    goal: { atLeast: 0.9, of: 'ratio' },
  };
}

async function transitions(framed: Framed, bare: Bare): Promise<Case> {
  const [value, peer] = [await framed.transitions('first-0'), await bare.transitions('first-0')];
  const name = 'state transitions of an entity with one activity';
  return { name, value, unit: 'transitions', peer, ratioToPeer: value / peer };
}
