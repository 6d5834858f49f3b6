/**
 * `infer`: the SDK's inference server over HTTP against the bare session in this process and against FastAPI, uvicorn and
 * ONNX Runtime with the same protocol and model. Each server has a process of its own; the load is made in this one.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeModel, mlp, OnnxModel, Random } from '../sdk/estimators/onnx/index.ts';
import { closedLoop, Poster, type Load } from './infer/load.ts';
import type { BenchmarkOptions, Case } from './lib/case.ts';
import { median, quantile, ratioInterval } from './lib/statistics.ts';
import { servingPython } from './peers/environments.ts';
import { LinePeer, type PeerCommand } from './peers/lines.ts';

const full = { pairs: 5, seconds: 1 };
const tiny = { pairs: 1, seconds: 0.1 };
const clients = [1, 8];
const features = 784;
const threads = availableParallelism();

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const sizes = quick ? tiny : full;
  const folder = mkdtempSync(join(tmpdir(), 'sedna-bench-'));
  try {
    const file = join(folder, 'model.onnx');
    writeFileSync(file, encodeModel(mlp({ inputs: features, hidden: [256], outputs: 10 })));
    const model = await OnnxModel.open(file, { threads });
    const ours = await serve(model, own(file));
    const peer = quick ? 'quick run' : await fastapi(model, file).catch(({ message }: Error) => message);
    try {
      const cases: Case[] = [];
      for (const n of clients) cases.push(...(await againstSession(model, ours, n, sizes)));
      for (const n of clients) cases.push(...(await againstServer(ours, peer, n, sizes)));
      return cases;
    } finally {
      ours.close();
      if (typeof peer !== 'string') peer.close();
      await model.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function own(file: string): PeerCommand {
  const script = fileURLToPath(new URL('./infer/serve.ts', import.meta.url));
  return { command: process.execPath, args: [script, file, String(threads)] };
}

async function fastapi(model: OnnxModel, file: string): Promise<Server> {
  const script = fileURLToPath(new URL('./peers/serve.py', import.meta.url));
  return serve(model, { command: await servingPython(), args: [script, file, String(threads)] });
}

interface Server {
  ask: Ask;
  close: () => void;
}

const sample = (() => {
  const random = new Random(1);
  return Float32Array.from({ length: features }, () => random.uniform());
})();

function feeds(model: OnnxModel): Parameters<OnnxModel['run']>[0] {
  const name = model.inputs[0]?.name ?? '';
  return { [name]: { datatype: 'float32', shape: [1, features], data: sample } };
}

/** Fails unless it answers with what the model answers. */
async function serve(model: OnnxModel, command: PeerCommand): Promise<Server> {
  const child = await LinePeer.start(command);
  const { port } = child.ready as { port: number };
  const name = model.inputs[0]?.name;
  const input = { name, shape: [1, features], datatype: 'FP32', data: [...sample] };
  const poster = new Poster(port, JSON.stringify({ inputs: [input] }));
  const close = (): void => {
    poster.close();
    child.close();
  };
  try {
    const [expected] = Object.values(await model.run(feeds(model)));
    const { outputs } = (await poster.post()) as { outputs: { data: number[] }[] };
    const differs = Array.from(expected?.data as Float32Array, (value, i) => value - (outputs[0]?.data[i] ?? NaN));
    if (!differs.every((by) => Math.abs(by) < 1e-5)) throw new Error('it answers otherwise than the model');
  } catch (error) {
    close();
    throw error;
  }
  return { ask: async () => void (await poster.post()), close };
}

type Sizes = typeof full;

/** What HTTP, JSON and checks cost over the session that both use. */
async function againstSession(model: OnnxModel, ours: Server, n: number, sizes: Sizes): Promise<Case[]> {
  const input = feeds(model);
  const bare = async (): Promise<void> => void (await model.run(input));
  const [mine, theirs] = await alternating(ours.ask, bare, n, sizes);
  return figures('server against the bare session', n, mine, theirs);
}

async function againstServer(ours: Server, peer: Server | string, n: number, sizes: Sizes): Promise<Case[]> {
  const name = 'server against FastAPI + uvicorn + onnxruntime';
  if (typeof peer === 'string') {
    const { latencies, perSecond } = await closedLoop(ours.ask, n, sizes.seconds);
    const common = { clients: n, threads, skipped: peer };
    return [
      { name: `${name}, rate`, ...common, value: perSecond, unit: 'requests/s' },
      { name: `${name}, p50`, ...common, value: quantile(latencies, 0.5), unit: 'ms' },
      { name: `${name}, p99`, ...common, value: quantile(latencies, 0.99), unit: 'ms' },
    ];
  }
  const [mine, theirs] = await alternating(ours.ask, peer.ask, n, sizes);
  return figures(name, n, mine, theirs);
}

type Ask = () => Promise<void>;

async function alternating(ours: Ask, peer: Ask, n: number, { pairs, seconds }: Sizes): Promise<[Load[], Load[]]> {
  for (const side of [ours, peer]) await closedLoop(side, n, seconds / 2); // compiles, opens connections
  const [mine, theirs]: [Load[], Load[]] = [[], []];
  for (let i = 0; i < pairs; i++) {
    mine.push(await closedLoop(ours, n, seconds));
    theirs.push(await closedLoop(peer, n, seconds));
  }
  return [mine, theirs];
}

/** Medians over the pairs, of the rate and of the quantiles of each. */
function figures(name: string, n: number, mine: Load[], theirs: Load[]): Case[] {
  const of: [string, string, (load: Load) => number][] = [
    ['rate', 'requests/s', ({ perSecond }) => perSecond],
    ['p50', 'ms', ({ latencies }) => quantile(latencies, 0.5)],
    ['p99', 'ms', ({ latencies }) => quantile(latencies, 0.99)],
  ];
  return of.map(([what, unit, figure]) => {
    const [ours, peers] = [mine.map(figure), theirs.map(figure)];
    const [value, peer] = [median(ours), median(peers)];
    const ratio = { ratioToPeer: value / peer, interval: ratioInterval(ours, peers) };
    return { name: `${name}, ${what}`, clients: n, threads, value, unit, peer, ...ratio };
  });
}
