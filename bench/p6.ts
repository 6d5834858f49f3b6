/**
 * `p6`: the SDK's inference server, models in processes of their own, against the big-model service of the original (FastAPI, nested
 * lists in JSON, ONNX Runtime in Python). Servers and load share all cores; one thread per session on both sides. The
 * original is one process by design, ours are two: the peer is bound by Python's lock, not by a core that it lacks.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OnnxModel } from '../sdk/estimators/onnx/index.ts';
import type { BatchingOptions } from '../sdk/index.ts';
import type { BenchmarkOptions, Case, Goal } from './lib/case.ts';
import { median, quantile, ratioInterval } from './lib/statistics.ts';
import { Connection } from './p6/client.ts';
import { closedLoop, knee, openLoop } from './p6/load.ts';
import { image, requestsOf, row, vector, type Requests, type Workload } from './p6/workloads.ts';
import { servingPython } from './peers/environments.ts';
import { LinePeer, type PeerCommand } from './peers/lines.ts';

const full = { pairs: 5, seconds: 1.5 };
const tiny = { pairs: 1, seconds: 0.1 };

interface Comparison {
  name: string;
  request: keyof Requests;
  clients: number;
  batching?: BatchingOptions;
  goal?: Goal;
}

const ofVectors: Comparison[] = [
  { name: 'nested lists as the original’s', request: 'lists', clients: 8 },
  { name: 'JSON', request: 'json', clients: 8, goal: { atLeast: 5, of: 'ratio' } },
  { name: 'binary', request: 'binary', clients: 8, goal: { atLeast: 5, of: 'ratio' } },
  { name: 'JSON, batched', request: 'json', clients: 32, batching: {} },
  { name: 'binary, batched', request: 'binary', clients: 32, batching: {}, goal: { atLeast: 10, of: 'ratio' } },
];

const ofImages: Comparison[] = [
  { name: 'nested lists as the original’s', request: 'lists', clients: 4 },
  { name: 'binary', request: 'binary', clients: 4, goal: { atLeast: 25, of: 'ratio' } },
];

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const sizes = quick ? tiny : full;
  const folder = mkdtempSync(join(tmpdir(), 'sedna-bench-'));
  try {
    const cases: Case[] = [];
    for (const [workload, comparisons] of [[vector(), ofVectors] as const, [image(), ofImages] as const]) {
      const file = join(folder, 'model.onnx');
      writeFileSync(file, workload.model);
      const side = await Side.of(workload, file);
      const python = quick ? 'quick run' : await servingPython().catch(({ message }: Error) => message);
      const peer = python === 'quick run' || !python.startsWith('/') ? python : await side.peer(python);
      for (const comparison of comparisons) cases.push(await side.compare(comparison, peer, sizes));
      cases.push(...(await side.atHalfTheKnee(quick)));
      if (typeof peer !== 'string') peer.close();
    }
    return cases;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A server with open connections to it. */
class Target {
  readonly #child: LinePeer;
  readonly #port: number;

  private constructor(child: LinePeer) {
    this.#child = child;
    this.#port = (child.ready as { port: number }).port;
  }

  static async start(command: PeerCommand): Promise<Target> {
    return new Target(await LinePeer.start(command));
  }

  connections(count: number): Promise<Connection[]> {
    return Promise.all(Array.from({ length: count }, () => Connection.open(this.#port)));
  }

  close(): void {
    this.#child.close();
  }
}

type Sizes = typeof full;

/** What is measured with one model. */
class Side {
  readonly #workload: Workload;
  readonly #file: string;
  readonly #requests: Requests;
  readonly #expected: number[];
  /** Median of a run in this process, in ms. */
  readonly #modelMs: number;

  private constructor(of: { workload: Workload; file: string; input: string; expected: number[]; modelMs: number }) {
    this.#workload = of.workload;
    this.#file = of.file;
    this.#requests = requestsOf(of.workload, of.input);
    this.#expected = of.expected;
    this.#modelMs = of.modelMs;
  }

  static async of(workload: Workload, file: string): Promise<Side> {
    const model = await OnnxModel.open(file, { threads: 1 });
    const [input] = model.inputs;
    const feeds = {
      [input?.name ?? '']: { datatype: 'float32' as const, shape: [1, ...workload.shape], data: row(workload) },
    };
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      const before = performance.now();
      await model.run(feeds);
      times.push(performance.now() - before);
    }
    const [output] = Object.values(await model.run(feeds));
    await model.close();
    const expected = Array.from(output?.data as Float32Array);
    return new Side({
      workload,
      file,
      input: input?.name ?? '',
      expected,
      modelMs: median(times.slice(100)),
    });
  }

  peer(python: string): Promise<Target> {
    const script = fileURLToPath(new URL('./peers/sedna_inference.py', import.meta.url));
    return Target.start({ command: python, args: [script, this.#file, '1'] });
  }

  #ours(batching?: BatchingOptions): Promise<Target> {
    const script = fileURLToPath(new URL('./p6/serve.ts', import.meta.url));
    const options = JSON.stringify({ name: 'bench', file: this.#file, threads: 1, batching });
    return Target.start({ command: process.execPath, args: [script, options] });
  }

  async compare(comparison: Comparison, peer: Target | string, { pairs, seconds }: Sizes): Promise<Case> {
    const { clients, goal } = comparison;
    const name = `${this.#workload.name}: ${comparison.name}`;
    const ours = await this.#ours(comparison.batching);
    try {
      const mine = await ours.connections(clients);
      const theirs = typeof peer === 'string' ? [] : await peer.connections(clients);
      await this.#verify(mine, theirs, comparison.request);
      const rates: { ours: number[]; peer: number[] } = { ours: [], peer: [] };
      for (const side of [mine, theirs])
        if (side.length > 0) await closedLoop(side, this.#for(side === mine, comparison), seconds / 2);
      for (let i = 0; i < pairs; i++) {
        rates.ours.push((await closedLoop(mine, this.#requests[comparison.request], seconds)).perSecond);
        if (theirs.length > 0) rates.peer.push((await closedLoop(theirs, this.#requests.lists, seconds)).perSecond);
      }
      for (const connection of [...mine, ...theirs]) connection.close();
      const common = { name, clients, threads: 1, value: median(rates.ours), unit: 'requests/s', goal };
      if (typeof peer === 'string') return { ...common, skipped: peer };
      const theirRate = median(rates.peer);
      const ratio = { ratioToPeer: common.value / theirRate, interval: ratioInterval(rates.ours, rates.peer) };
      return { ...common, peer: theirRate, ...ratio };
    } finally {
      ours.close();
    }
  }

  #for(isOurs: boolean, { request }: Comparison): Buffer {
    return isOurs ? this.#requests[request] : this.#requests.lists;
  }

  /** Both give what the model gives. */
  async #verify(mine: Connection[], theirs: Connection[], request: keyof Requests): Promise<void> {
    const [ours, peers] = [mine[0], theirs[0]];
    const answers = [
      ours && (await ours.post(this.#requests[request])),
      peers && (await peers.post(this.#requests.lists)),
    ];
    answers.forEach((answer, i) => {
      if (answer === undefined) return;
      const values = valuesOf(answer, this.#expected.length);
      const isGood = this.#expected.every((value, j) => Math.abs(value - (values[j] ?? NaN)) < 1e-5);
      if (!isGood) throw new Error(`${i === 0 ? 'our server' : 'the peer'} answers otherwise than the model`);
    });
  }

  /** Latency where a server is meant to run: at half of the largest rate that it serves evenly. */
  async atHalfTheKnee(quick: boolean): Promise<Case[]> {
    const seconds = quick ? 0.2 : 3;
    const ours = await this.#ours();
    try {
      const connections = await ours.connections(16);
      const request = this.#requests.binary;
      const { perSecond: maximum } = await closedLoop(connections, request, seconds);
      const at = (await knee(connections, request, { maximum, seconds: seconds / 2 })) / 2;
      const { latencies } = await openLoop(connections, request, { perSecond: at, seconds });
      for (const connection of connections) connection.close();
      const name = `${this.#workload.name}: binary, open loop at half the knee`;
      const common = { clients: 16, threads: 1, n: Math.round(at) };
      const bound = 2 * this.#modelMs + 1;
      const p99 = quantile(latencies, 0.99);
      return [
        { name: `${name}, p50`, ...common, value: quantile(latencies, 0.5), unit: 'ms' },
        {
          name: `${name}, p99`,
          ...common,
          value: p99,
          unit: 'ms',
          bound,
          ratioToBound: p99 / bound,
          goal: { atMost: bound },
        },
      ];
    } finally {
      ours.close();
    }
  }
}

/** The numbers of any of the answers: lists, JSON tensors, or bytes behind JSON. */
function valuesOf(answer: Buffer, count: number): number[] {
  try {
    const { result, outputs } = JSON.parse(answer.toString()) as { result?: unknown[]; outputs?: { data: number[] }[] };
    return (result?.flat(Infinity) as number[] | undefined) ?? outputs?.[0]?.data ?? [];
  } catch {
    const bytes = answer.subarray(answer.byteLength - count * 4);
    return Array.from(new Float32Array(new Uint8Array(bytes).buffer));
  }
}
