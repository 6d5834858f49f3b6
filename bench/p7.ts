/**
 * `p7`: an edge worker under constant load of hard examples while its cloud is well, refuses connections, hangs, or takes five
 * seconds. Bound: the little model alone. The deadline of a request is 50 ms.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { mlp, encodeModel, OnnxModel, Random } from '../sdk/estimators/onnx/index.ts';
import { JointInference, readWorkerConfig, sednaBigModel, type JointResult } from '../sdk/index.ts';
import type { BenchmarkOptions, Case } from './lib/case.ts';
import { quantile } from './lib/statistics.ts';

const full = { seconds: 8, requestsPerSecond: 100 };
const tiny = { seconds: 0.5, requestsPerSecond: 50 };
const deadlineMs = 50;
const features = 784;

type Trouble = 'well' | 'refuses' | 'hangs' | 'slow';
const troubles: Trouble[] = ['well', 'refuses', 'hangs', 'slow'];
const slowMs = 5_000;

interface Size {
  seconds: number;
  requestsPerSecond: number;
}

export async function run({ quick }: BenchmarkOptions): Promise<Case[]> {
  const size = quick ? tiny : full;
  const model = await OnnxModel.open(encodeModel(mlp({ inputs: features, hidden: [256], outputs: 10 })), {
    threads: 1,
  });
  try {
    const cases: Case[] = [];
    for (const trouble of troubles) cases.push(...(await under(trouble, model, size)));
    return cases;
  } finally {
    await model.close();
  }
}

async function under(trouble: Trouble, model: OnnxModel, size: Size): Promise<Case[]> {
  const cloud = new TestCloud();
  await cloud.listen();
  const joint = edge(model, cloud.port);
  try {
    await load(joint, size, 0.2); // warms up, and the circuit is closed
    const began = performance.now();
    await cloud.become(trouble);
    const troubled = await load(joint, size);
    const opened = troubled.find(({ result }) => result.decision.reason === 'CircuitOpen');
    const recovered = performance.now();
    await cloud.become('well');
    const after = await load(joint, size, Math.min(2, size.seconds));
    const closed = after.find(({ result }) => result.decision.answeredBy === 'cloud');
    const edgeP99 = quantile(
      troubled.map(({ result }) => result.decision.edgeMs ?? 0),
      0.99,
    );
    const times = troubled.map(({ milliseconds }) => milliseconds);
    const named = (what: string) => `cloud ${trouble}: ${what}`;
    const cases: Case[] = [
      { name: named('answer, p50'), n: times.length, value: quantile(times, 0.5), unit: 'ms', bound: edgeP99 },
      {
        ...{ name: named('answer, p99'), n: times.length, value: quantile(times, 0.99), unit: 'ms', bound: edgeP99 },
        goal: { atMost: deadlineMs + edgeP99 },
      },
    ];
    if (trouble === 'well') return cases;
    return [
      ...cases,
      {
        name: named('circuit opens after'),
        value: (opened?.at ?? Infinity) - began,
        unit: 'ms',
        goal: { atMost: 1_000 },
      },
      {
        name: named('well again, circuit closes after'),
        value: (closed?.at ?? Infinity) - recovered,
        unit: 'ms',
        goal: { atMost: 1_000 },
      },
    ];
  } finally {
    await joint.close();
    await cloud.close();
  }
}

function edge(model: OnnxModel, port: number): JointInference<number[], number[]> {
  return new JointInference<number[], number[]>({
    config: readWorkerConfig({ LC_SERVER: 'http://127.0.0.1:1', SERVICE_NAME: 'bench', LC_PERIOD: '3600' }),
    bigModel: sednaBigModel({ host: '127.0.0.1', port, service: 'bench' }),
    hardExampleMining: { name: 'CloudOnly' },
    deadlineMs,
    estimator: {
      async predict(input) {
        const feeds = { input: { datatype: 'float32' as const, shape: [1, features], data: Float32Array.from(input) } };
        return Array.from(Object.values(await model.run(feeds))[0]?.data as Float32Array);
      },
    },
  });
}

interface Answered {
  result: JointResult<number[]>;
  milliseconds: number;
  /** When the answer came. */
  at: number;
}

/** By the clock, whether or not earlier requests are answered. */
async function load(
  joint: JointInference<number[], number[]>,
  { requestsPerSecond, seconds }: Size,
  share = seconds,
): Promise<Answered[]> {
  const random = new Random(7);
  const input = Array.from({ length: features }, () => random.uniform());
  const began = performance.now();
  const asked: Promise<Answered>[] = [];
  for (let i = 0; i < Math.max(5, share * requestsPerSecond); i++) {
    const sent = performance.now();
    asked.push(
      joint.inference(input).then((result) => {
        const at = performance.now();
        return { result, milliseconds: at - sent, at };
      }),
    );
    await delay(Math.max(0, began + ((i + 1) * 1_000) / requestsPerSecond - performance.now()));
  }
  return Promise.all(asked);
}

/** The original's interface on a port that stays the same. */
class TestCloud {
  #server: Server | undefined;
  #trouble: Trouble = 'well';
  port = 0;

  async listen(): Promise<void> {
    this.#server = createServer((request, response) => {
      request.resume();
      const answer = (): void => void response.end('{"result": [[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]]}');
      if (this.#trouble === 'slow') setTimeout(answer, slowMs).unref();
      else if (this.#trouble !== 'hangs') answer();
    });
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async become(trouble: Trouble): Promise<void> {
    if (trouble === 'refuses') await this.close();
    else if (this.#trouble === 'refuses') await this.listen();
    this.#trouble = trouble;
  }

  async close(): Promise<void> {
    if (!this.#server?.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
