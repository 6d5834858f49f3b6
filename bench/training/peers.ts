/** Training steps per second against other libraries, each in a process of its own with as many threads. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Case, Goal } from '../lib/case.ts';
import { median, ratioInterval } from '../lib/statistics.ts';
import { tfjsFolder, torchPython } from '../peers/environments.ts';
import { LinePeer, type PeerCommand } from '../peers/lines.ts';
import { cnnSgd, mlpSgd, parametersOf, stepsPerSecond, STEPS_PER_EPOCH, type Workload } from './workloads.ts';

interface Against {
  name: string;
  workload: Workload;
  threads: number;
  command: () => Promise<PeerCommand>;
  goal: Goal;
}

const all = availableParallelism();
const threadless = 1;

const againsts: Against[] = [
  tfjs('mlp', 'wasm', { atLeast: 20, of: 'ratio' }),
  tfjs('mlp', 'cpu', {}),
  torch('mlp', all),
  torch('mlp', 1),
  tfjs('cnn', 'cpu', { atLeast: 300, of: 'ratio' }),
  torch('cnn', all),
  torch('cnn', 1),
];

type Kind = 'mlp' | 'cnn';

function workloadOf(kind: Kind): Workload {
  return kind === 'mlp' ? mlpSgd : cnnSgd;
}

/** Computes on one thread under Node, whichever backend it has. */
function tfjs(kind: Kind, backend: 'wasm' | 'cpu', goal: Goal): Against {
  const script = fileURLToPath(new URL('../peers/tfjs-train.ts', import.meta.url));
  return {
    name: `${kind}-vs-tfjs-${backend}`,
    workload: workloadOf(kind),
    threads: threadless,
    command: async () => ({ command: process.execPath, args: [script, await tfjsFolder(), backend, kind] }),
    goal,
  };
}

/** With one thread as well: its waiting threads spin, which on a busy machine costs it most of its rate. On a free one it is the best that it has. */
function torch(kind: Kind, threads: number): Against {
  const script = fileURLToPath(new URL('../peers/torch_train.py', import.meta.url));
  return {
    name: `${kind}-vs-torch${threads === all ? '' : '-1-thread'}`,
    workload: workloadOf(kind),
    threads,
    command: async () => ({
      command: await torchPython(),
      args: [script, kind, String(threads)],
      env: { CUDA_VISIBLE_DEVICES: '' },
    }),
    goal: { atLeast: 0.5, of: 'ratio' },
  };
}

export interface Pairs {
  pairs: number;
  /** Of one measurement. */
  seconds: number;
  quick: boolean;
}

export async function againstPeers(pairs: Pairs): Promise<Case[]> {
  const cases: Case[] = [];
  for (const against of againsts) cases.push(await measure(against, pairs));
  return cases;
}

/** A peer that cannot be had is skipped with the reason; ours is measured all the same. */
async function measure(against: Against, pairs: Pairs): Promise<Case> {
  const { name, workload, threads, goal } = against;
  const common = { name, n: workload.batch, threads, unit: 'steps/s', ...(Object.keys(goal).length > 0 && { goal }) };
  const ours = (steps: number): Promise<number> => stepsPerSecond(workload, wholeEpochs(steps), threads);
  const peer = pairs.quick ? 'quick run' : await start(against).catch(({ message }: Error) => message);
  const rate = await ours(STEPS_PER_EPOCH);
  if (typeof peer === 'string') return { ...common, value: await ours(rate * pairs.seconds), skipped: peer };
  try {
    const theirs = await warm(peer, pairs.seconds);
    const [mine, others]: [number[], number[]] = [[], []];
    for (let i = 0; i < pairs.pairs; i++) {
      mine.push(await ours(rate * pairs.seconds));
      others.push(await rateOf(peer, theirs * pairs.seconds));
    }
    const [value, other] = [median(mine), median(others)];
    return { ...common, value, peer: other, ratioToPeer: value / other, interval: ratioInterval(mine, others) };
  } finally {
    peer.close();
  }
}

async function start({ command, workload }: Against): Promise<LinePeer> {
  const peer = await LinePeer.start(await command());
  const { parameters } = peer.ready as { parameters: number };
  if (parameters === parametersOf(workload)) return peer;
  peer.close();
  throw new Error(`it trains ${parameters} parameters, not ${parametersOf(workload)}`);
}

/** Steps per second once its caches are filled. The first steps compile and allocate. */
async function warm(peer: LinePeer, seconds: number): Promise<number> {
  await rateOf(peer, 1);
  const first = await rateOf(peer, 1);
  return rateOf(peer, Math.min(first * seconds, 10 * STEPS_PER_EPOCH));
}

async function rateOf(peer: LinePeer, steps: number): Promise<number> {
  const whole = steps < STEPS_PER_EPOCH ? Math.max(1, Math.round(steps)) : wholeEpochs(steps);
  return whole / Number(await peer.ask(whole));
}

function wholeEpochs(steps: number): number {
  return Math.max(1, Math.round(steps / STEPS_PER_EPOCH)) * STEPS_PER_EPOCH;
}
