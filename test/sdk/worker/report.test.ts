import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ProgressReporter, ReportError, sendReport } from '../../../sdk/worker/index.ts';
import type { WorkerReport } from '../../../sdk/worker/index.ts';
import { TestLocalController } from '../support/local-controller.ts';
import { until } from '../support/until.ts';

const REPORT: WorkerReport = {
  name: 'train-worker-1',
  namespace: 'default',
  ownerName: 'helmet',
  ownerKind: 'incrementallearningjob',
  kind: 'train',
  status: 'completed',
  results: [{ format: 'onnx', url: '/m/model.onnx', metrics: { loss: [0.5] } }],
};

let controller: TestLocalController;

beforeEach(async () => {
  controller = await new TestLocalController().listen();
});

afterEach(() => controller.close());

const send = (options = {}) => sendReport(controller.url, REPORT, { delayMs: 1, ...options });

describe('a report', () => {
  test('arrives whole at the route of its worker', async () => {
    await send();
    expect(controller.requests[0]?.path).toBe('/sedna/workers/train-worker-1/info');
    expect(controller.reports).toEqual([REPORT]);
  });

  test.each([
    [201, '{}'],
    [204, ''],
    [200, 'null'],
    [200, ''],
    [200, 'OK'],
    [500, '{}'],
  ])('counts %s %j as a failure and tries again', async (status, body) => {
    controller.answers.push({ status, body });
    await send();
    expect(controller.requests).toHaveLength(2);
  });

  test('is given up after five attempts, with the last answer', async () => {
    for (let i = 0; i < 9; i++) controller.answers.push({ status: 400, body: '{"Message":"no such worker"}' });
    await expect(send()).rejects.toThrow(/did not take the report of train-worker-1: answered 400 .*no such worker/);
    expect(controller.requests).toHaveLength(5);
  });

  test('survives a restart of the local controller that takes longer than five attempts', async () => {
    const { url } = controller;
    await controller.close();
    const sent = sendReport(url, REPORT, { delayMs: 20, refusedForMs: 10_000 });
    const began = performance.now();
    await until(() => performance.now() - began > 200);
    await controller.listen(Number(new URL(url).port));
    await sent;
    expect(controller.reports).toHaveLength(1);
  });

  test('is given up when nobody comes back, or when told to', async () => {
    const { url } = controller;
    await controller.close();
    await expect(sendReport(url, REPORT, { delayMs: 10, refusedForMs: 50 })).rejects.toThrow(ReportError);
    const stop = AbortSignal.timeout(20);
    await expect(sendReport(url, REPORT, { delayMs: 30_000, signal: stop })).rejects.toThrow(/abort/i);
  });
});

describe('progress', () => {
  test('the first goes at once, of what is too fast only the newest', async () => {
    const progress = new ProgressReporter(controller.url, 'w', { intervalMs: 200 });
    for (let step = 1; step <= 50; step++) {
      progress.report({ step, total: 50 });
      if (step === 1) await until(() => controller.progress.length === 1);
    }
    await until(() => controller.progress.length === 2);
    expect(controller.progress.map(({ step }) => step)).toEqual([1, 50]);
    const [first, second] = controller.requests;
    expect(second!.at - first!.at).toBeGreaterThan(150);
  });

  test('flush sends what waits; a dead local controller does not matter', async () => {
    const progress = new ProgressReporter(controller.url, 'w', { intervalMs: 60_000 });
    progress.report({ step: 1, total: 2 });
    await progress.flush();
    progress.report({ step: 2, total: 2, message: 'done', checkpoint: '/c' });
    await progress.flush();
    expect(controller.progress.at(-1)).toEqual({ step: 2, total: 2, message: 'done', checkpoint: '/c' });
    await controller.close();
    progress.report({ step: 3, total: 3 });
    await progress.flush();
  });
});
