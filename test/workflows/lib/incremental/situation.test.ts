import { describe, expect, test } from '@jest/globals';
import { entityId } from '../../../../workflows/lib/ids.ts';
import { beginRound, newsOfRound } from '../../../../workflows/lib/incremental/rounds.ts';
import type { Problem } from '../../../../workflows/lib/failures.ts';
import type { Stage, StageState } from '../../../../workflows/lib/incremental/state.ts';
import { assess, needs, openSelectors } from '../../../../workflows/lib/incremental/situation.ts';
import { currentModel } from '../../../../workflows/lib/versions.ts';
import { selectorKey } from '../../../../workflows/lib/surroundings.ts';
import { incrementalStatus } from '../../../../workflows/lib/incremental/status.ts';
import { jobView } from '../../support/view.ts';

describe('situation', () => {
  test('nothing has answered: no situation, no problem', () => {
    expect(assess(jobView({ peers: {} }))).toEqual({});
  });

  test('all there: everything runs on the node of the dataset', () => {
    const { situation, problem } = assess(jobView());
    expect(problem).toBeUndefined();
    expect(situation?.nodes).toEqual({ data: 'edge-1', train: 'edge-1', eval: 'edge-1', deploy: 'edge-1' });
  });

  test.each([
    ['Dataset', 'data', { exists: false }, 'DatasetMissing', 'Dataset default/data does not exist'],
    ['Model', 'initial', { exists: false }, 'ModelMissing', 'Model default/initial does not exist'],
    ['Model', 'deployed', { exists: true }, 'ModelMissing', 'has an invalid manifest'],
  ])('%s %s %j: %s', (kind, name, state, reason, message) => {
    const ref = { kind, namespace: 'default', name };
    const { problem } = assess(jobView({ override: { [entityId(ref)]: { ref, ...state } } }));
    expect(problem).toMatchObject({ reason, message: expect.stringContaining(message) as unknown });
  });

  test('a named node, a selector that was placed, one that was not', () => {
    const selector = { role: 'cloud', zone: 'b' };
    const deploy = { templateDigest: 'd', nodeSelector: selector };
    const open = jobView({ fields: { deploy } });
    expect(openSelectors(open)).toEqual([selector]);
    expect(assess(open).problem).toMatchObject({ reason: 'NodeUnknown' });
    const placed = jobView({ fields: { deploy }, own: { placed: { [selectorKey(selector)]: 'cloud-1' } } });
    expect(openSelectors(placed)).toEqual([]);
    expect(assess(placed).situation?.nodes.deploy).toBe('cloud-1');
    expect(needs(placed).map(entityId)).toEqual([
      'sedna/dataset/default/data',
      'sedna/model/default/initial',
      'sedna/model/default/deployed',
      'sedna/node/edge-1',
      'sedna/node/cloud-1',
    ]);
    expect(selectorKey({ b: '2', a: '1' })).toBe('a=1,b=2');
  });

  test.each(['train', 'eval'] as const)('%s away from a local dataset is refused', (role) => {
    const view = jobView({ fields: { [role]: { templateDigest: 'x', node: 'cloud-1' } } });
    expect(assess(view).problem).toMatchObject({ reason: 'DatasetElsewhere' });
  });

  test('the live version of a Model is used as a blob, else its file', () => {
    const model = { url: '/m.onnx', format: 'onnx', devices: [] };
    expect(currentModel(model)).toEqual({ url: '/m.onnx', format: 'onnx' });
    const live = { sha256: 's', uri: 'file:///s', bytes: 1, format: 'onnx' };
    expect(currentModel({ ...model, live })).toMatchObject({ blob: { sha256: 's', uri: 'file:///s', bytes: 1 } });
  });
});

describe('status', () => {
  const status = (change: Parameters<typeof jobView>[0]) => incrementalStatus(jobView(change));
  const ready = { state: 'ready' as const, node: 'edge-1', worker: 'w', restarts: 0, endpoints: [] };

  test('what it waits for, with the current value against the threshold', () => {
    expect(status({ own: { waiting: { value: 3, fresh: 4, windowOpen: true } } }).waitingFor).toEqual({
      reason: 'ThresholdNotReached',
      message: 'num_of_samples is 3, must be >= 8 (4 new, trainProb 0.8); sedna trigger starts a round now',
    });
    expect(status({ own: { waiting: { value: 0, fresh: 0 } } }).waitingFor).toMatchObject({ reason: 'NoNewSamples' });
    const problem = { reason: 'DatasetUnreadable', message: 'no such file' };
    expect(status({ own: { waiting: { problem } } })).toMatchObject({
      phase: 'Waiting',
      waitingFor: problem,
      degraded: { status: true, ...problem },
    });
  });

  test('Available while it serves, and why not', () => {
    expect(status({}).available).toMatchObject({ status: false, reason: 'InferenceStarting' });
    expect(status({ own: { serving: ready } }).available).toMatchObject({ status: true, reason: 'Serving' });
    const problem = { reason: 'WorkerFailed', message: 'exit code 1' };
    expect(status({ own: { serving: { ...ready, state: 'failing', problem } } })).toMatchObject({
      available: { status: false, ...problem },
      degraded: { status: true, ...problem },
    });
  });

  test('a round whose worker has not begun waits for a slot of the node', () => {
    const take = { from: 0, to: { samples: 10, digest: 'd' }, trainSamples: 8 };
    const view = jobView({ manifest: true });
    beginRound(view, take);
    let sequence = 0;
    const tell = (stage: Stage, type: StageState, retrying?: Problem) => {
      sequence += 1;
      newsOfRound(view, { round: 1, events: [{ round: 1, sequence, condition: { stage, type }, retrying }] });
      const { phase, waitingFor, progressing } = incrementalStatus(view);
      return { phase, waits: waitingFor?.reason, progressing };
    };
    const begins = (stage: Stage) => newsOfRound(view, { running: true, round: 1, stage, node: 'edge-1', worker: 'w' });
    expect(tell('Train', 'Ready')).toMatchObject({ phase: 'Training', waits: undefined });
    expect(tell('Train', 'Starting')).toMatchObject({
      ...{ phase: 'Training', waits: 'WaitingForSlot' },
      progressing: { status: true, reason: 'WaitingForSlot', message: expect.stringContaining('edge-1') as unknown },
    });
    begins('Train');
    expect(incrementalStatus(view)).toMatchObject({ progressing: { reason: 'Training' } });
    expect(incrementalStatus(view)).not.toHaveProperty('waitingFor');
    const failed = { reason: 'WorkerFailed', message: 'once' };
    expect(tell('Train', 'Starting', failed)).toMatchObject({ waits: 'WorkerFailed' });
    expect(tell('Eval', 'Starting')).toMatchObject({ phase: 'Evaluating', waits: 'WaitingForSlot' });
    // A hot update needs none.
    expect(tell('Deploy', 'Starting')).toMatchObject({ phase: 'Deploying', waits: undefined });
  });

  test.each([
    ['pause', 'Paused'],
    ['stop', 'Stopped'],
  ] as const)('%s: %s', (mode, reason) => {
    expect(status({ own: { mode } })).toMatchObject({
      phase: reason,
      waitingFor: { reason },
      suspended: { status: true, reason },
    });
  });

  test('a node that is away is named', () => {
    const ref = { kind: 'Node', namespace: '', name: 'edge-1' };
    const value = {
      alive: false,
      since: '2026-01-01',
      labels: {},
      executionProviders: [],
      blobStore: { reachable: true },
    };
    const view = { override: { [entityId(ref)]: { ref, exists: true, value } } };
    expect(status(view).waitingFor).toMatchObject({ reason: 'NodeSilent' });
    expect(status({ override: { [entityId(ref)]: { ref, exists: false } } }).waitingFor).toMatchObject({
      reason: 'NodeUnknown',
    });
  });
});
