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
import { childrenOf, cpuMs } from './lib/processes.ts';
import { median, quantile, ratioInterval } from './lib/statistics.ts';
import { Connection } from './p6/client.ts';
import { jointCases } from './p6/joint.ts';
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
      for (const comparison of comparisons) cases.push(...(await side.compare(comparison, peer, sizes)));
      cases.push(...(await side.atHalfTheKnee(quick)));
      if (typeof peer !== 'string') peer.close();
    }
    cases.push(...(await jointCases(quick)));
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

  /** User and system time of all its processes so far. */
  cpuMs(): number {
    const { pid } = this.#child;
    return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + cpuMs(one), 0);
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

  /** Rates, and the CPU time of a request: other work on the machine takes from the first, hardly from the second. */
  async compare(comparison: Comparison, peer: Target | string, { pairs, seconds }: Sizes): Promise<Case[]> {
    const { clients, goal } = comparison;
    const ours = await this.#ours(comparison.batching);
    try {
      const mine = new Measured(ours, await ours.connections(clients), this.#requests[comparison.request]);
      const isThere = typeof peer !== 'string';
      const theirs = isThere ? new Measured(peer, await peer.connections(clients), this.#requests.lists) : undefined;
      for (const side of [mine, theirs]) await side?.warmUp(this.#expected, seconds / 2);
      for (let i = 0; i < pairs; i++) {
        await mine.measure(seconds);
        await theirs?.measure(seconds);
      }
      for (const side of [mine, theirs]) side?.close();
      const name = `${this.#workload.name}: ${comparison.name}`;
      const common = { clients, threads: 1, ...(isThere ? {} : { skipped: peer }) };
      return [
        { name, ...common, unit: 'requests/s', goal, ...against(mine.rates, theirs?.rates) },
        { name: `${name}, CPU of a request`, ...common, unit: 'µs', ...against(mine.cpuUs, theirs?.cpuUs) },
      ];
    } finally {
      ours.close();
    }
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

/** One side of a comparison. */
class Measured {
  readonly rates: number[] = [];
  readonly cpuUs: number[] = [];
  readonly #target: Target;
  readonly #connections: Connection[];
  readonly #request: Buffer;

  constructor(target: Target, connections: Connection[], request: Buffer) {
    this.#target = target;
    this.#connections = connections;
    this.#request = request;
  }

  /** Fails unless it answers with what the model answers. */
  async warmUp(expected: readonly number[], seconds: number): Promise<void> {
    const answer = await this.#connections[0]?.post(this.#request);
    const values = valuesOf(answer ?? Buffer.alloc(0), expected.length);
    if (!expected.every((value, i) => Math.abs(value - (values[i] ?? NaN)) < 1e-5)) {
      throw new Error('a server answers otherwise than the model');
    }
    await closedLoop(this.#connections, this.#request, seconds);
  }

  async measure(seconds: number): Promise<void> {
    const before = this.#target.cpuMs();
    const { latencies, perSecond } = await closedLoop(this.#connections, this.#request, seconds);
    this.rates.push(perSecond);
    this.cpuUs.push(((this.#target.cpuMs() - before) * 1_000) / latencies.length);
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

function against(
  ours: number[],
  peers: number[] | undefined,
): Pick<Case, 'value' | 'peer' | 'ratioToPeer' | 'interval'> {
  const value = median(ours);
  if (!peers) return { value };
  const peer = median(peers);
  return { value, peer, ratioToPeer: value / peer, interval: ratioInterval(ours, peers) };
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
