import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { InferenceError, JointInference, readWorkerConfig } from '../../../../sdk/index.ts';
import type { JointInferenceOptions } from '../../../../sdk/index.ts';
import { TestLocalController } from '../../support/local-controller.ts';
import { until } from '../../support/until.ts';

/** Answers like the original's big-model service: every input's classes, each a tenth higher. */
class TestCloud {
  readonly asked: unknown[] = [];
  answer: (request: IncomingMessage, response: ServerResponse, body: unknown) => void = ({ url }, response, body) => {
    const { data } = body as { data: number[] };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ result: [url, ...data.map((p) => p + 1)] }));
  };
  #server: Server | undefined;

  get port(): number {
    return (this.#server?.address() as AddressInfo).port;
  }

  async listen(port = 0): Promise<void> {
    this.#server = createServer((request, response) => {
      void json(request).then((body) => {
        this.asked.push(body);
        this.answer(request, response, body);
      });
    });
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    this.#server?.close();
    if (this.#server?.listening) await once(this.#server, 'close');
  }
}

let controller: TestLocalController;
let cloud: TestCloud;
const opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  controller = await new TestLocalController().listen();
  cloud = new TestCloud();
  await cloud.listen();
});

afterEach(async () => {
  for (const feature of opened.splice(0)) await feature.close();
  await cloud.close();
  await controller.close();
});

const sure = [0.99, 0.01];
const unsure = [0.5, 0.5];

/** The little model says what it is given; CrossEntropy finds `unsure` hard. */
function edgeWorker(
  environment: Record<string, string> = {},
  options: Partial<JointInferenceOptions<number[], number[]>> = {},
) {
  const joint = new JointInference<number[], number[]>({
    estimator: { predict: (input) => Promise.resolve([...input]) },
    config: readWorkerConfig({
      LC_SERVER: controller.url,
      WORKER_NAME: 'edge-worker',
      SERVICE_NAME: 'helmet',
      BIG_MODEL_IP: '127.0.0.1',
      BIG_MODEL_PORT: String(cloud.port),
      HEM_NAME: 'CrossEntropy',
      HEM_PARAMETERS: '[{"key":"threshold_cross_entropy","value":"0.5"}]',
      LC_PERIOD: '1',
      ...environment,
    }),
    report: { attempts: 1 },
    onProblem: (problem) => expect(problem).toBeUndefined(),
    ...options,
  });
  opened.push(joint);
  return joint;
}

describe('inference-then-mining', () => {
  test('the edge answers what it is sure of, the cloud the rest', async () => {
    const joint = edgeWorker();
    expect(await joint.inference(sure, { requestId: 'a' })).toEqual({
      requestId: 'a',
      isHard: false,
      edgeResult: sure,
      result: sure,
      degraded: false,
      decision: { mode: 'inference-then-mining', answeredBy: 'edge', reason: 'NotHard', edgeMs: expect.any(Number) },
    });
    const hard = await joint.inference(unsure);
    const answer = ['/helmet/predict', 1.5, 1.5];
    expect(hard).toMatchObject({ isHard: true, edgeResult: unsure, cloudResult: answer, result: answer });
    expect(hard.decision).toMatchObject({ answeredBy: 'cloud', reason: 'CloudAnswered' });
    expect(cloud.asked).toEqual([{ data: unsure, post_process: null, deadline_ms: expect.any(Number) }]);
  });

  test('post-processing changes a copy of the edge answer, before it is mined', async () => {
    const joint = edgeWorker();
    const postProcess = (output: number[]) => [...output.splice(0, 2, 1, 0), 0].slice(2).concat(sure);
    const { result, edgeResult, isHard } = await joint.inference(unsure, { postProcess });
    expect({ result, edgeResult, isHard }).toEqual({ result: [0, ...sure], edgeResult: unsure, isHard: false });
  });

  test('without a miner no sample is hard', async () => {
    const joint = edgeWorker({ HEM_NAME: '' });
    expect(await joint.inference(unsure)).toMatchObject({ isHard: false, degraded: false });
  });

  test('a little model that fails: the cloud answers; when it cannot, the failure is what is said', async () => {
    const estimator = { predict: () => Promise.reject(new Error('no memory')) };
    const learnt: unknown[] = [];
    const joint = edgeWorker({}, { estimator, onHardExample: async (input) => void learnt.push(input) });
    const { decision, result } = await joint.inference(sure);
    expect(result).toEqual(['/helmet/predict', 1.99, 1.01]);
    expect(decision).toMatchObject({ answeredBy: 'cloud', reason: 'EdgeFailed', message: 'no memory' });
    expect(learnt).toEqual([]);
    await cloud.close();
    await expect(joint.inference(sure)).rejects.toThrow('no memory');
  });

  test.each([
    [400, false],
    [503, false],
    [500, true],
    [504, true],
  ])('a little model that answers %d: the cloud is asked: %s', async (statusCode, asked) => {
    const estimator = { predict: () => Promise.reject(new InferenceError(statusCode, 'not now')) };
    const joint = edgeWorker({}, { estimator });
    const answered = await joint.inference(sure).catch((error: unknown) => error);
    expect(answered).toMatchObject(asked ? { decision: { reason: 'EdgeFailed' } } : { statusCode, message: 'not now' });
    expect(cloud.asked).toHaveLength(asked ? 1 : 0);
  });

  test('a caller that goes away while the little model works: it is told, and nobody else is asked', async () => {
    const predict = (_input: number[], { signal }: { signal?: AbortSignal } = {}) =>
      new Promise<number[]>((_, reject) => signal?.addEventListener('abort', () => reject(new Error('stopped'))));
    const caller = new AbortController();
    const call = edgeWorker({}, { estimator: { predict } }).inference(sure, { signal: caller.signal });
    setImmediate(() => caller.abort(new Error('gone')));
    await expect(call).rejects.toThrow('gone');
    expect(cloud.asked).toEqual([]);
  });
});

describe('mining-then-inference', () => {
  const mode = { MINING_MODE: 'mining-then-inference' };

  test('the input is mined; the little model is not asked about hard ones', async () => {
    const joint = edgeWorker(mode);
    expect(await joint.inference(sure)).toMatchObject({ isHard: false, edgeResult: sure, result: sure });
    const hard = await joint.inference(unsure);
    expect(hard).toMatchObject({ isHard: true, result: ['/helmet/predict', 1.5, 1.5] });
    expect(hard).not.toHaveProperty('edgeResult');
  });

  test('without the cloud the little model answers hard ones as well', async () => {
    const joint = edgeWorker(mode);
    await cloud.close();
    expect(await joint.inference(unsure)).toMatchObject({ isHard: true, degraded: true, result: unsure });
  });

  test('needs a miner', () => {
    expect(() => edgeWorker({ ...mode, HEM_NAME: '' })).toThrow(/needs a hard example mining algorithm/);
    expect(() => edgeWorker({ MINING_MODE: 'both' })).toThrow(/^MINING_MODE: must be one of/);
  });
});

describe('a cloud in trouble', () => {
  const trouble = async (joint: JointInference<number[], number[]>, deadlineMs?: number) => {
    const { degraded, result, decision } = await joint.inference(unsure, { deadlineMs });
    expect({ degraded, result }).toEqual({ degraded: true, result: unsure });
    return decision;
  };

  test('refuses connections: the edge answers at once, three times, then nobody asks', async () => {
    const joint = edgeWorker();
    await cloud.close();
    for (let i = 0; i < 3; i++) {
      const { reason, message } = await trouble(joint);
      expect(reason).toBe('CloudFailed');
      expect(message).toMatch(/127\.0\.0\.1:\d+\/helmet\/predict cannot be reached: .*ECONNREFUSED/);
    }
    expect(joint.circuit).toBe('open');
    expect((await trouble(joint)).reason).toBe('CircuitOpen');
  });

  test('hangs: nobody waits longer than the deadline; when it is back, the next probe closes the circuit', async () => {
    const joint = edgeWorker();
    const answer = cloud.answer;
    cloud.answer = () => undefined;
    const began = performance.now();
    for (let i = 0; i < 3; i++) expect((await trouble(joint, 50)).reason).toBe('CloudTooLate');
    expect(performance.now() - began).toBeGreaterThanOrEqual(140);
    expect(joint.circuit).toBe('open');
    cloud.answer = answer;
    await until(async () => (await joint.inference(unsure)).decision.answeredBy === 'cloud');
    expect(joint.circuit).toBe('closed');
  });

  test('hangs, and all callers are patient: the circuit opens while they wait', async () => {
    const joint = edgeWorker();
    cloud.answer = () => undefined;
    const callers = [1, 2, 3].map(() => joint.inference(unsure, { deadlineMs: 1_500 }));
    await until(() => joint.circuit === 'open');
    expect((await trouble(joint)).reason).toBe('CircuitOpen');
    for (const { decision } of await Promise.all(callers)) expect(decision.reason).toBe('CloudTooLate');
  });

  test.each([
    [500, 'boom', 'CloudFailed'],
    [422, '{"detail":[]}', 'CloudRefused'],
    [404, '{"error":"the model is not loaded"}', 'CloudFailed'],
    [401, 'a password, please', 'CloudFailed'],
    [200, 'no JSON', 'CloudFailed'],
    [200, '{"answer":1}', 'CloudFailed'],
  ])('answers %d %s: %s', async (status, body, reason) => {
    const joint = edgeWorker();
    cloud.answer = (_request, response) => response.writeHead(status).end(body);
    for (let i = 0; i < 3; i++) expect((await trouble(joint)).reason).toBe(reason);
    expect(joint.circuit).toBe(reason === 'CloudRefused' ? 'closed' : 'open');
  });

  test('no time left: it is not asked, and that is nobody’s fault', async () => {
    const joint = edgeWorker();
    for (let i = 0; i < 4; i++) expect((await trouble(joint, 0)).reason).toBe('CloudTooLate');
    expect(cloud.asked).toEqual([]);
    expect(joint.circuit).toBe('closed');
  });

  test('deadlines shorter than its answers take say nothing about it while others get theirs', async () => {
    const joint = edgeWorker();
    const { answer } = cloud;
    cloud.answer = (...given) => void setTimeout(() => answer(...given), 100);
    for (let i = 0; i < 4; i++) {
      expect((await joint.inference(unsure)).decision.reason).toBe('CloudAnswered');
      for (let j = 0; j < 4; j++) expect((await trouble(joint, 20)).reason).toBe('CloudTooLate');
    }
    expect(joint.circuit).toBe('closed');
    cloud.answer = () => undefined;
    await until(async () => {
      await trouble(joint, 20);
      return joint.circuit === 'open';
    });
  });

  test('a deadline of a hundred years is no deadline that has passed', async () => {
    const joint = edgeWorker();
    expect((await joint.inference(unsure, { deadlineMs: 3e12 })).decision.reason).toBe('CloudAnswered');
  });

  test('a caller that goes away ends its request, which says nothing about the cloud', async () => {
    const joint = edgeWorker();
    const closed: unknown[] = [];
    cloud.answer = (request) => void request.socket.once('close', () => closed.push(true));
    const caller = new AbortController();
    const call = joint.inference(unsure, { signal: caller.signal });
    await until(() => cloud.asked.length === 1);
    caller.abort(new Error('gone'));
    await expect(call).rejects.toThrow('gone');
    await until(() => closed.length === 1);
    expect(joint.circuit).toBe('closed');
  });

  test('hedged: a second request overtakes a first one that hangs', async () => {
    const joint = edgeWorker({}, { hedgeAfterMs: 50 });
    const { answer } = cloud;
    cloud.answer = (...given) => (cloud.asked.length === 1 ? undefined : answer(...given));
    expect((await joint.inference(unsure)).decision.reason).toBe('CloudAnswered');
    expect(cloud.asked).toHaveLength(2);
  });
});

test('a hard sample is counted once', async () => {
  const joint = edgeWorker();
  for (const input of [sure, unsure, sure, unsure, sure]) await joint.inference(input);
  await until(() => controller.reports.length > 0);
  expect(controller.reports[0]).toMatchObject({
    ownerKind: 'jointinferenceservice',
    kind: 'inference',
    ownerInfo: { inferenceNumber: 5, hardExampleNumber: 2, uploadCloudRatio: 0.4 },
  });
});

test('whoever has an answer at once may rely on it that its example is kept; a disk that hangs costs no more than the deadline', async () => {
  const kept: unknown[] = [];
  const careful = edgeWorker({}, { onHardExample: async (...told) => void (await delay(20), kept.push(told)) });
  const { result } = await careful.inference(unsure);
  expect(kept).toEqual([[unsure, result, { again: false }]]);
  await careful.inference(sure);
  expect(kept).toHaveLength(1);
  const hanging = edgeWorker({}, { onHardExample: () => new Promise(() => undefined) });
  expect((await hanging.inference(unsure, { deadlineMs: 1_500 })).decision.reason).toBe('CloudAnswered');
});

test('a service without the address of its big model says so', () => {
  expect(() => edgeWorker({ BIG_MODEL_IP: '' })).toThrow(/BIG_MODEL_IP is not set/);
});
