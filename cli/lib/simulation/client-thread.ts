/** Thread that plays clients, one after the other: trains as a worker of the SDK does, judges as a local controller does. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { Metrics } from '../../../sdk/estimators/estimator.ts';
import type { OnnxSamples } from '../../../sdk/estimators/onnx/index.ts';
import { judgeUpdate } from '../../../sdk/features/federated/judge.ts';
import { beginWith, handOver, shared } from '../../../sdk/features/federated/weights.ts';
import { TensorError, withTensors } from '../../../sdk/tensors/index.ts';
import type { WorkerTask } from '../../../sdk/worker/task-protocol.ts';
import { loadClient } from './client-module.ts';
import type { Answer, ThreadData, Turn } from './protocol.ts';

const data = workerData as ThreadData;
const estimator = (await loadClient(data.module)).estimator();
if (!estimator.train || !estimator.getWeights || !estimator.setWeights)
  throw new Error(`${data.module}: estimator() needs train, getWeights and setWeights`);
const own = await estimator.getWeights();

parentPort?.on('message', (turn: Turn) => {
  void play(turn)
    .catch((error: unknown): Answer => ({ failed: (error as Error).message }))
    .then((answer) => parentPort?.postMessage(answer));
});
parentPort?.postMessage('ready');

async function play(turn: Turn): Promise<Answer> {
  const client = data.clients[turn.client] ?? '';
  if ('begin' in turn)
    return {
      done: {
        client,
        file: await handOver({ output: turn.begin, excludeLayers: [] }, shared(own, data.policy.excludeLayers)),
        samples: 0,
        metrics: {},
      },
    };
  try {
    return await trained(client, turn);
  } catch (error) {
    if (error instanceof TensorError) return { refused: { reason: 'NotFinite', message: error.message }, client };
    throw error;
  }
}

async function trained(client: string, turn: Exclude<Turn, { begin: string }>): Promise<Answer> {
  const directory = join(data.directory, client);
  await mkdir(directory, { recursive: true });
  const samples = samplesOf(turn.client);
  const { policy } = data;
  const output = join(directory, 'update.safetensors');
  const { settings, seed, weights, evaluate } = turn;
  await estimator.setWeights?.(await beginWith(taskOf(client, turn, output), own));
  const evaluation = evaluate ? lastValues((await estimator.evaluate?.(samples)) ?? {}) : undefined;
  const metrics = lastValues((await estimator.train?.(samples, { settings, seed })) ?? {});
  const file = await handOver({ output, excludeLayers: [] }, (await estimator.getWeights?.()) ?? {});
  const update = { file, samples: samples.count };
  const verdict = await withTensors(weights, (global) =>
    judgeUpdate({ update, global, policy, datasetSamples: samples.count, directory }),
  );
  if ('refused' in verdict) return { ...verdict, client };
  return { done: { client, ...verdict, metrics, ...(evaluation === undefined ? {} : { evaluation }) } };
}

function taskOf(client: string, turn: Exclude<Turn, { begin: string }>, output: string): WorkerTask {
  const { round, weights, settings, seed, evaluate } = turn;
  const { excludeLayers = [] } = data.policy;
  const previous = excludeLayers.length > 0 && existsSync(output) ? output : undefined;
  return {
    ...{ id: client, kind: 'train', round, weights, previous, settings, seed, evaluate, excludeLayers },
    ...{ output, checkpoint: undefined },
  };
}

function samplesOf(client: number): OnnxSamples {
  const { inputs, labels, shape, count } = data.samples;
  const part = data.parts[client] ?? new Uint32Array();
  const rows = <T extends Float32Array | Int32Array>(from: T, into: T): T => {
    const width = from.length / count;
    part.forEach((sample, row) => into.set(from.subarray(sample * width, (sample + 1) * width), row * width));
    return into;
  };
  const size = (from: ArrayLike<number>): number => (from.length / count) * part.length;
  return {
    inputs: rows(inputs, new Float32Array(size(inputs))),
    labels:
      labels instanceof Int32Array
        ? rows(labels, new Int32Array(size(labels)))
        : rows(labels, new Float32Array(size(labels))),
    shape,
    count: part.length,
  };
}

function lastValues(metrics: Metrics): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).map(([name, values]) => [name, values.at(-1) ?? NaN]));
}
