/**
 * Edge worker that needs no code of yours: the image `sedna/joint-inference`. Serves the little model (an ONNX file) under the name of
 * the service over the Open Inference Protocol v2 (HTTP and gRPC); hard examples get the big model's answer. A response's parameters say who answered
 * and why; `deadline_ms` and `callback` of a request are its own. With `SEDNA_TIER` it is a tier between edge and cloud: it is asked in both ways in
 * which a big model is.
 */
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { uncertainty } from '../algorithms/hard-example-mining/index.ts';
import { DeferredAnswers } from '../features/joint-inference/deferred/deferred-answers.ts';
import { deferredFolder, isBrought } from '../features/joint-inference/deferred/inherited.ts';
import { firstKnown } from '../features/joint-inference/first-known.ts';
import { listBigModel } from '../features/joint-inference/list-big-model.ts';
import { oipBigModel } from '../features/joint-inference/oip-big-model.ts';
import type { Tensors } from '../features/joint-inference/oip-big-model.ts';
import { JointInference } from '../features/joint-inference.ts';
import type { JointResult } from '../features/joint-inference/result.ts';
import { configuredMiner } from '../features/configured-miner.ts';
import { modelFile } from '../features/model-files.ts';
import { InferenceError, serve } from '../serving/index.ts';
import type { InferContext, Parameters, ServedModel } from '../serving/index.ts';
import { readWorkerConfig } from '../worker/config.ts';
import { drainMs, servingEnvironment } from './lib/environment.ts';
import { HardExampleLog } from './lib/hard-example-log.ts';
import { requestsHandler, toWire } from './lib/requests-handler.ts';
import { joined, minerView, renamed, samplesOf } from './lib/rows.ts';
import { supervisedModel } from './lib/supervised-model.ts';

/** Samples of one request that are worked on at the same time. */
const atOnce = 32;
const broughtLookMs = 5_000;

// Status shows what was counted: half a minute, the default of the original's library, is long to look at nothing.
const config = readWorkerConfig({ LC_PERIOD: '5', ...process.env });
const settings = servingEnvironment();
const little = supervisedModel({
  name: config.ownerName,
  file: await modelFile(config),
  signature: settings.signature,
});
const deferred =
  settings.deferred &&
  new DeferredAnswers<Tensors>({
    ...settings.deferred,
    present: toWire,
    uncertainty: (tensors) => uncertainty(minerView(tensors as Tensors)),
  });
const log = settings.hardExamples && new HardExampleLog(settings.hardExamples);
const miner = configuredMiner(undefined, config);
/** The Open Inference Protocol keeps every bit; a service of the original's library knows its own interface alone. */
const bigModel =
  config.bigModel &&
  firstKnown<Tensors, Tensors>([
    oipBigModel({ url: `http://${config.bigModel.host}:${config.bigModel.port}`, model: config.ownerName }),
    listBigModel({ ...config.bigModel, service: config.ownerName }, () => little.outputs),
  ]);

const joint = new JointInference<Tensors, Tensors>({
  config,
  estimator: {
    load: (file) => little.load({ file }),
    predict: async (feeds, { signal } = {}) =>
      (await little.infer(feeds, signal && { parameters: {}, signal })).outputs,
  },
  ...(bigModel && { bigModel }),
  ...(miner && { hardExampleMining: (tensors: unknown) => miner(minerView(tensors as Tensors)) }),
  ...(log && { onHardExample: (input, answer, told) => log.append(input, answer as Tensors, told) }),
  ...(deferred && { deferred }),
  deadlineMs: settings.deadlineMs,
  hedgeAfterMs: settings.hedgeAfterMs,
});
await joint.start();

/** The little model's inputs and outputs, answered by both. Not to be loaded or unloaded by whoever may send requests. */
const served: ServedModel = {
  name: little.name,
  get inputs() {
    return little.inputs;
  },
  get outputs() {
    return little.outputs;
  },
  version: () => little.version(),
  unavailable: () => little.unavailable(),
  async infer(feeds, context) {
    const rows = samplesOf(feeds, little.inputs, little.outputs);
    const id = context?.id ?? randomUUID();
    const request = requestOf(context);
    const endsAt = performance.now() + (request.deadlineMs ?? settings.deadlineMs);
    const results = await someAtATime(rows, (row, i) =>
      joint.inference(row, {
        ...request,
        deadlineMs: Math.max(0, endsAt - performance.now()),
        requestId: rows.length > 1 ? `${id}/${i}` : id,
      }),
    );
    const names = little.outputs.map(({ name }) => name);
    const outputs = joined(results.map(({ result }) => renamed(result as Tensors, names)));
    return { version: little.version() ?? '', outputs, parameters: said(id, results) };
  },
  close: () => Promise.all([joint.close(), little.close()]).then(() => undefined),
};

/** A large request must not fill the queue of the little model. */
async function someAtATime<T, R>(items: readonly T[], work: (item: T, i: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += atOnce) {
    const part = items.slice(from, from + atOnce);
    results.push(...(await Promise.all(part.map((item, i) => work(item, from + i)))));
  }
  return results;
}

function requestOf(context: InferContext | undefined) {
  const { deadline_ms: deadlineMs, callback } = context?.parameters ?? {};
  if (deadlineMs !== undefined && (typeof deadlineMs !== 'number' || !(deadlineMs >= 0))) {
    throw new InferenceError(400, 'parameter "deadline_ms": must be a number of milliseconds');
  }
  if (callback !== undefined && typeof callback !== 'string') {
    throw new InferenceError(400, 'parameter "callback": must be a URL');
  }
  return { deadlineMs, callback, signal: context?.signal };
}

/** How the answers came about; of several samples: how many. */
function said(id: string, results: readonly JointResult<Tensors>[]): Parameters {
  const [{ isHard, degraded, decision, deferral }] = results as [JointResult<Tensors>];
  if (results.length > 1) {
    const waiting = results.flatMap(({ deferral }) => (deferral?.state === 'pending' ? [deferral.id] : []));
    const count = (holds: (result: JointResult<Tensors>) => boolean): number => results.filter(holds).length;
    return {
      request_id: id,
      hard: count((one) => one.isHard),
      degraded: count((one) => one.degraded),
      deferred: waiting.length,
      ...(waiting.length > 0 && { deferred_ids: waiting.join() }),
    };
  }
  return {
    request_id: deferral?.id ?? id,
    hard: isHard,
    degraded,
    answered_by: decision.answeredBy,
    reason: decision.reason,
    ...(decision.message !== undefined && { message: decision.message }),
    ...(decision.edgeMs !== undefined && { edge_ms: decision.edgeMs }),
    ...(decision.cloudMs !== undefined && { cloud_ms: decision.cloudMs }),
    ...(deferral && { deferred: deferral.state, ...(deferral.message && { deferred_message: deferral.message }) }),
  };
}

const ending = new AbortController();
const handler = deferred && requestsHandler(deferred, ending.signal);
const server = await serve({
  models: [served],
  ...(settings.grpcPort !== undefined && { grpc: { port: settings.grpcPort } }),
  http: { port: settings.port, handler, onClose: () => ending.abort() },
  limits: { drainMs },
  ...(config.tier !== undefined && { predict: { job: config.ownerName, model: config.ownerName } }),
});
console.log(
  `serving ${await modelFile(config)} as ${served.name}, version ${served.version()}, on port ${server.ports.http}`,
);

const end = (): void => void server.close().then(() => process.exit(0));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);

// Deferred answers are off and none waited here when this began: should a node where the service was bring some, whoever is started next ends them.
if (!deferred) {
  const folder = path.join(settings.stateFolder, deferredFolder);
  const looking = setInterval(() => {
    if (!isBrought(folder)) return;
    clearInterval(looking);
    end();
  }, broughtLookMs);
  looking.unref();
}
