/**
 * `p6`, edge and cloud together: the ready-made workers with a filter that finds a given share of the samples hard. What each sample
 * was found to be is compared with the original's rule on the little model's answers, and differs in none or the benchmark fails.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OnnxModel, type OnnxTensor } from '../../sdk/estimators/onnx/index.ts';
import { signedModel } from '../../sdk/serving/signature/signed-model.ts';
import type { Tensor } from '../../sdk/tensor.ts';
import type { Case } from '../lib/case.ts';
import { quantile } from '../lib/statistics.ts';
import { LinePeer } from '../peers/lines.ts';
import { Connection, wholeRequest } from './client.ts';
import { closedLoop, knee, openLoop } from './load.ts';
import { binaryRequest, jointFile, jointImage, jointVector, type JointWorkload } from './samples.ts';
import { CountedWay, ReadyMade, service } from './workers.ts';

const clients = 8;
interface Sizes {
  workloads: { make: () => JointWorkload; samples: number }[];
  shares: number[];
  seconds: number;
}
const full: Sizes = {
  workloads: [
    { make: jointVector, samples: 1_000 },
    { make: jointImage, samples: 40 },
    { make: jointFile, samples: 40 },
  ],
  shares: [0, 0.1, 0.3, 1],
  seconds: 3,
};
const tiny: Sizes = { workloads: [{ make: jointVector, samples: 20 }], shares: [0.3], seconds: 0.1 };
/** Nobody gives up: an answer of the edge in place of the cloud's would be a fast one. */
const patience = { SEDNA_DEADLINE_MS: '120000', SEDNA_PATIENCE_MS: '120000' };

export async function jointCases(quick: boolean): Promise<Case[]> {
  const { workloads, shares, seconds } = quick ? tiny : full;
  const folder = mkdtempSync(join(tmpdir(), 'sedna-bench-'));
  try {
    const cases: Case[] = [];
    for (const { make, samples } of workloads) {
      const pair = await Pair.of(make(), folder, samples);
      const cloud = await ReadyMade.start('big-model', { MODEL_URL: pair.files.big, ...pair.signature });
      try {
        for (const share of shares) {
          cases.push(...(await pair.decisions(share, cloud.port, quick)));
          cases.push(...(await pair.speed(share, cloud, seconds)));
        }
      } finally {
        cloud.close();
      }
    }
    return cases;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A little and a big model, and samples for both. */
class Pair {
  readonly files: { little: string; big: string };
  /** For the environment of both workers. */
  readonly signature: { MODEL_SIGNATURE?: string };
  readonly #name: string;
  readonly #folder: string;
  /** As they are sent to the edge. */
  readonly #requests: Buffer[] = [];
  /** Bytes of the same samples as the original's client sends them. */
  readonly #listBytes: number[] = [];
  /** Class probabilities that the little model gives each. */
  readonly #answers: number[][] = [];

  private constructor({ name, little, big, signature }: JointWorkload, folder: string) {
    this.#name = name;
    this.#folder = folder;
    this.files = { little: join(folder, 'little.onnx'), big: join(folder, 'big.onnx') };
    writeFileSync(this.files.little, little);
    writeFileSync(this.files.big, big);
    this.signature = signature ? { MODEL_SIGNATURE: JSON.stringify(signature) } : {};
  }

  static async of(workload: JointWorkload, folder: string, count: number): Promise<Pair> {
    const pair = new Pair(workload, folder);
    const model = await OnnxModel.open(pair.files.little, { threads: 1 });
    const plain = {
      inputs: model.inputs,
      outputs: model.outputs,
      run: (feeds: Record<string, Tensor>) => model.run(feeds as Record<string, OnnxTensor>),
    };
    const little = workload.signature ? signedModel(plain, workload.signature) : plain;
    const input = model.inputs[0]?.name ?? '';
    for (let seed = 1; seed <= count; seed++) {
      const { tensor, lists } = workload.sample(seed);
      pair.#requests.push(binaryRequest(service, input, tensor));
      pair.#listBytes.push(wholeRequest('/bench/predict', Buffer.from(JSON.stringify({ data: [lists] }))).byteLength);
      pair.#answers.push(Array.from(Object.values(await little.run({ [input]: tensor }))[0]?.data as Float32Array));
    }
    await model.close();
    return pair;
  }

  /** Each sample once, one after another. */
  async decisions(share: number, cloud: number, quick: boolean): Promise<Case[]> {
    const way = await CountedWay.to(cloud);
    const edge = await this.#edge(share, way.port);
    try {
      const connection = await Connection.open(edge.port);
      const hard: boolean[] = [];
      for (const request of this.#requests) hard.push(isHard(await connection.post(request)));
      connection.close();
      const expected = quick ? this.#rule(share) : await this.#originals(share);
      const differing = hard.findIndex((found, i) => found !== expected[i]);
      if (differing >= 0) throw new Error(`the original decides otherwise about sample ${differing}`);
      const count = hard.filter(Boolean).length;
      if (count === 0 && way.bytes > 0) throw new Error('the cloud was sent something, though nothing is hard');
      if (count === 0) return [];
      const peer = this.#listBytes.filter((_, i) => hard[i]).reduce((sum, bytes) => sum + bytes, 0) / count;
      const bytes = way.bytes / count;
      const ratio = count / hard.length;
      const common = { n: hard.length };
      return [
        {
          name: this.#case(share, 'upload ratio'),
          ...common,
          value: ratio,
          unit: 'share',
          peer: ratio,
          ratioToPeer: 1,
        },
        {
          ...{ name: this.#case(share, 'to the cloud per hard example'), ...common, value: bytes, unit: 'bytes' },
          ...{ peer, ratioToPeer: bytes / peer, goal: { atMost: 1 / 20, of: 'ratio' } },
        },
      ];
    } finally {
      edge.close();
      way.close();
    }
  }

  async speed(share: number, cloud: ReadyMade, seconds: number): Promise<Case[]> {
    const edge = await this.#edge(share, cloud.port);
    try {
      const connections = await Promise.all(Array.from({ length: 2 * clients }, () => Connection.open(edge.port)));
      await closedLoop(connections.slice(0, clients), this.#requests, seconds / 2);
      const before = edge.cpuMs() + cloud.cpuMs();
      const { perSecond, latencies: all } = await closedLoop(connections.slice(0, clients), this.#requests, seconds);
      const cpuUs = ((edge.cpuMs() + cloud.cpuMs() - before) * 1_000) / all.length;
      const at = (await knee(connections, this.#requests, { maximum: perSecond, seconds: seconds / 2 })) / 2;
      const { latencies } = await openLoop(connections, this.#requests, { perSecond: at, seconds });
      for (const connection of connections) connection.close();
      const half = { clients: connections.length, n: Math.round(at), unit: 'ms' };
      return [
        { name: this.#case(share, 'binary'), clients, value: perSecond, unit: 'requests/s' },
        { name: this.#case(share, 'CPU of a request, edge and cloud'), clients, value: cpuUs, unit: 'µs' },
        { name: this.#case(share, 'at half the knee, p50'), ...half, value: quantile(latencies, 0.5) },
        { name: this.#case(share, 'at half the knee, p99'), ...half, value: quantile(latencies, 0.99) },
      ];
    } finally {
      edge.close();
    }
  }

  #case(share: number, what: string): string {
    return `${this.#name}, ${Math.round(share * 100)} % hard: ${what}`;
  }

  #edge(share: number, cloud: number): Promise<ReadyMade> {
    return ReadyMade.start('joint-inference', {
      MODEL_URL: this.files.little,
      BIG_MODEL_IP: '127.0.0.1',
      BIG_MODEL_PORT: String(cloud),
      SEDNA_WORKER_STATE: this.#folder,
      ...this.signature,
      HEM_NAME: 'CrossEntropy',
      HEM_PARAMETERS: JSON.stringify([{ key: 'threshold_cross_entropy', value: String(this.#threshold(share)) }]),
      ...patience,
    });
  }

  /** Between the certainties of the last hard sample and the first one that is not. */
  #threshold(share: number): number {
    const sorted = this.#answers.map(certainty).sort((a, b) => a - b);
    const count = Math.round(share * sorted.length);
    return ((sorted[count - 1] ?? (sorted[0] ?? 0) - 1) + (sorted[count] ?? (sorted.at(-1) ?? 0) + 1)) / 2;
  }

  #rule(share: number): boolean[] {
    return this.#answers.map((scores) => certainty(scores) < this.#threshold(share));
  }

  async #originals(share: number): Promise<boolean[]> {
    const file = join(this.#folder, 'answers.json');
    writeFileSync(file, JSON.stringify({ answers: this.#answers }));
    const script = fileURLToPath(new URL('../peers/hard_examples.py', import.meta.url));
    const peer = await LinePeer.start({ command: 'python3', args: [script, file] });
    try {
      const parameters = { threshold_cross_entropy: String(this.#threshold(share)) };
      const said = await peer.ask({ filter: 'CrossEntropy', parameters, inputs: 'answers' });
      return [...(said as { decisions: string }).decisions].map((decision) => decision === '1');
    } finally {
      peer.close();
    }
  }
}

const certainty = (scores: readonly number[]): number =>
  1 + scores.reduce((sum, p) => sum + p * Math.log(p), 0) / Math.log(scores.length);

/** By the parameters of an answer, whose JSON comes first. */
function isHard(answer: Buffer): boolean {
  const [, hard] = /"hard":(true|false)/.exec(answer.toString('latin1')) ?? [];
  if (hard === undefined || answer.includes('"degraded":true')) throw new Error(`the edge says ${answer.toString()}`);
  return hard === 'true';
}
