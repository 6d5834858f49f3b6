import { describe, expect, it } from '@jest/globals';
import { Registry } from 'prom-client';
import type { WorkerView } from '../../activities/edge/runtime.ts';
import { ObjectMetrics } from '../../workers/lib/object-metrics.ts';
import { registerWorkerMetrics } from '../../workers/lib/worker-metrics.ts';

const ref = { kind: 'IncrementalLearningJob', namespace: 'default', name: 'helmet' };

const status = {
  phase: 'Evaluating',
  round: 3,
  usedSamples: 900,
  waitingFor: { reason: 'NodeSilent', since: '2026-11-24T00:00:00.000Z' },
  conditions: [
    { type: 'Available', status: 'True' },
    { type: 'Degraded', status: 'False' },
    { type: 'Running', status: 'True', stage: 'Eval' },
  ],
  lastRound: {
    deployed: true,
    metrics: { fresh: { accuracy: [0.5, 0.9], loss: [0.3] }, deployed: { accuracy: [0.8] } },
  },
};

describe('object metrics', () => {
  it('says phase, stage, samples, metrics of the new and the deployed model', async () => {
    const registry = new Registry();
    new ObjectMetrics(registry).observe(ref, status);
    const text = await registry.metrics();
    const object = 'kind="IncrementalLearningJob",namespace="default",name="helmet"';
    for (const line of [
      `sedna_object_phase{${object},phase="Evaluating"} 1`,
      `sedna_object_condition{${object},type="Available"} 1`,
      `sedna_object_condition{${object},type="Degraded"} 0`,
      `sedna_job_stage{${object},stage="Eval",state="Running"} 1`,
      `sedna_job_round{${object}} 3`,
      `sedna_job_used_samples{${object}} 900`,
      `sedna_job_metric{${object},metric="accuracy",model="new"} 0.9`,
      `sedna_job_metric{${object},metric="accuracy",model="deployed"} 0.8`,
      `sedna_job_deployed{${object}} 1`,
      `sedna_object_waiting_since_seconds{${object},reason="NodeSilent"} 1795478400`,
    ]) {
      expect(text).toContain(line);
    }
  });

  it('says round, metrics and refused updates of a federated job', async () => {
    const registry = new Registry();
    const job = { kind: 'FederatedLearningJob', namespace: 'default', name: 'digits' };
    new ObjectMetrics(registry).observe(job, {
      round: '3/10',
      refusals: { NotFinite: 2, LabelsInvalid: 1 },
      lastRound: { metrics: { accuracy: 0.8 } },
    });
    const text = await registry.metrics();
    const object = 'kind="FederatedLearningJob",namespace="default",name="digits"';
    for (const line of [
      `sedna_job_round{${object}} 3`,
      `sedna_job_refused_updates{${object},reason="NotFinite"} 2`,
      `sedna_job_refused_updates{${object},reason="LabelsInvalid"} 1`,
      `sedna_job_metric{${object},metric="accuracy",model="global"} 0.8`,
    ]) {
      expect(text).toContain(line);
    }
    expect(text).not.toContain('sedna_job_deployed{');
  });

  it('takes away what no longer holds, and everything of an object that is gone', async () => {
    const registry = new Registry();
    const metrics = new ObjectMetrics(registry);
    metrics.observe(ref, status);
    metrics.observe(ref, { phase: 'Waiting', waitingFor: null });
    const text = await registry.metrics();
    expect(text).toContain('phase="Waiting"');
    expect(text).not.toContain('phase="Evaluating"');
    expect(text).not.toContain('NodeSilent');
    metrics.forget(ref);
    expect(await registry.metrics()).not.toContain('helmet');
  });

  it('survives a status that is not there yet', async () => {
    const registry = new Registry();
    new ObjectMetrics(registry).observe(ref, undefined);
    expect(await registry.metrics()).not.toContain('helmet');
  });
});

describe('worker metrics', () => {
  it('reads the workers whenever somebody asks', async () => {
    const registry = new Registry();
    let workers: WorkerView[] = [];
    registerWorkerMetrics(registry, () => workers);
    expect(await registry.metrics()).not.toContain('w1');
    const report = {
      name: 'w1',
      namespace: 'default',
      ownerName: 'helmet',
      ownerKind: '',
      kind: 'inference',
      status: undefined,
      results: [],
      message: undefined,
      ownerInfo: { inferenceNumber: 7, hardExampleNumber: 3 },
    };
    workers = [
      {
        name: 'w1',
        owner: { ...ref, uid: 'u' },
        stage: 'Inference',
        image: 'i',
        state: 'running',
        ready: true,
        restarts: 2,
        endpoints: [],
        log: '',
        reports: { inference: { at: 0, report } },
      },
    ];
    const text = await registry.metrics();
    const labels = 'worker="w1",stage="Inference",namespace="default",job="helmet"';
    expect(text).toContain(`sedna_worker_ready{${labels}} 1`);
    expect(text).toContain(`sedna_worker_restarts{${labels}} 2`);
    expect(text).toContain(`sedna_inference_requests{${labels}} 7`);
    expect(text).toContain(`sedna_inference_hard_examples{${labels}} 3`);
    workers = [];
    expect(await registry.metrics()).not.toContain('w1');
  });
});
