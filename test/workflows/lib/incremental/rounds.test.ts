import { describe, expect, test } from '@jest/globals';
import {
  beginAgain,
  beginRound,
  endRound,
  newsOfRound,
  note,
  retryRound,
} from '../../../../workflows/lib/incremental/rounds.ts';
import { assess, type JobView, type Situation } from '../../../../workflows/lib/incremental/situation.ts';
import type { RoundEvent, RoundProgress } from '../../../../workflows/lib/incremental/state.ts';
import { maxConditions } from '../../../../workflows/lib/status.ts';
import { entityId } from '../../../../workflows/lib/ids.ts';
import { jobView, type JobViewChange } from '../../support/view.ts';

const take = { from: 0, to: { samples: 10, digest: 'd' }, trainSamples: 8 };
const model = { format: 'onnx', url: '/new.onnx', metrics: {} };

function running(): JobView {
  const view = jobView({ manifest: true });
  note(view.own, { stage: 'Train', type: 'Waiting' });
  beginRound(view, take);
  expect(view.own.current).toBeDefined();
  return view;
}

/** What the plan does once somebody has said `retry`. */
const again = (view: JobView): boolean => beginAgain(view, assess(view).situation as Situation);

const event = (
  sequence: number,
  type: RoundEvent['condition']['type'],
  rest: Partial<RoundEvent> = {},
): RoundEvent => ({
  round: 1,
  sequence,
  condition: { stage: 'Train', type },
  ...rest,
});
const told = (view: JobView, ...events: RoundEvent[]): void => newsOfRound(view, { round: 1, events });
const types = ({ own }: JobView) => own.conditions.map(({ type }) => type);

describe('news of a round', () => {
  test('repeated, late and foreign ones change nothing', () => {
    const view = running();
    told(view, event(1, 'Ready'), event(2, 'Starting'));
    told(view, event(1, 'Ready'));
    told(view, event(2, 'Starting'));
    newsOfRound(view, { round: 7, events: [event(9, 'Failed')] });
    expect(types(view)).toEqual(['Waiting', 'Ready', 'Starting']);
  });

  test('running is noted once, after starting, and ends the talk of an attempt that failed', () => {
    const view = running();
    const started = { running: true as const, round: 1, stage: 'Train' as const, node: 'edge-1', worker: 'w' };
    newsOfRound(view, started);
    told(view, event(1, 'Starting'));
    newsOfRound(view, started);
    told(view, event(2, 'Starting', { retrying: { reason: 'WorkerFailed', message: 'once' } }));
    expect(view.own.current?.retrying).toMatchObject({ message: 'once' });
    newsOfRound(view, started);
    expect(view.own.current?.retrying).toBeUndefined();
    expect(types(view)).toEqual(['Waiting', 'Starting', 'Running']);
    expect(view.own.annotations).toEqual({ 'sedna.io/Train': 'edge-1' });
  });

  test('a worker that is running before its round says that it starts it', () => {
    const view = running();
    told(view, event(1, 'Ready'));
    newsOfRound(view, { running: true, round: 1, stage: 'Train', node: 'edge-1', worker: 'w' });
    expect(types(view)).toEqual(['Waiting', 'Ready']);
    told(view, event(2, 'Starting'), event(3, 'Completed'));
    expect(types(view)).toEqual(['Waiting', 'Ready', 'Starting', 'Running', 'Completed']);
  });

  test('what has completed has run, also when its node could not say so; what has failed may not have', () => {
    const view = running();
    told(view, event(1, 'Ready'), event(2, 'Starting'), event(3, 'Completed'));
    expect(types(view)).toEqual(['Waiting', 'Ready', 'Starting', 'Running', 'Completed']);
    expect(view.own.annotations).toEqual({ 'sedna.io/Train': view.own.current?.plan.nodes.train });
    const failing = running();
    told(failing, event(1, 'Starting'), event(2, 'Failed'));
    expect(types(failing)).toEqual(['Waiting', 'Starting', 'Failed']);
  });

  test('the cursor moves when training has completed, not before', () => {
    const view = running();
    told(view, event(1, 'Running'));
    expect(view.own.cursor.samples).toBe(0);
    const evaluation = { round: 1, samples: 2, blob: { uri: 'u', sha256: 's', bytes: 1 } };
    told(view, event(2, 'Completed', { trained: { model, evaluation } }));
    expect(view.own).toMatchObject({ cursor: take.to, base: { url: '/new.onnx' }, evalSets: [{ round: 1 }] });
  });
});

describe('the end of a round', () => {
  const failed = (view: JobView, reason: string, trained = false) =>
    endRound(view, {
      kind: 'failed',
      stage: trained ? 'Eval' : 'Train',
      problem: { reason, message: 'm' },
      progress: trained ? { trained: [model] } : {},
    });

  test.each([
    ['a failed training gives its samples back', 'WorkerFailed', false, 10],
    ['a failed evaluation does not', 'WorkerFailed', true, undefined],
    ['samples that were replaced are not waited for', 'DatasetReplaced', false, undefined],
  ])('%s', (_name, reason, trained, beyond) => {
    const view = running();
    failed(view, reason, trained);
    expect(view.own.beyond).toBe(beyond);
    expect(view.own.suspended).toMatchObject({ problem: { reason } });
  });

  test('a round that is ended from outside goes on behind what it has told of; its samples evaluate once', () => {
    const view = running();
    const evaluation = { round: 1, samples: 2, blob: { uri: 'u', sha256: 's', bytes: 1 } };
    const prepared = { trainUrl: '/t', train: evaluation, evalUrl: '/e', evalSamples: 2, evaluation };
    const progress = { prepared, trained: [model] };
    const completed = event(3, 'Completed', { trained: { model, evaluation }, progress });
    told(view, event(1, 'Ready', { progress: { prepared } }), event(2, 'Starting'));
    expect(view.own.current?.progress).toEqual({ prepared });
    told(view, completed, event(4, 'Failed', { condition: { stage: 'Eval', type: 'Starting' } }));
    const { current } = view.own;
    expect(current).toMatchObject({ stage: 'Eval', progress });
    const problem = { reason: 'RoundEnded', message: 'Terminated' };
    endRound(view, { kind: 'failed', stage: 'Eval', problem, progress: current?.progress ?? {} });
    expect(view.own.beyond).toBeUndefined();
    expect(retryRound(view)).toBeUndefined();
    expect(again(view)).toBe(true);
    expect(view.own.current?.progress).toEqual(progress);
    // As a round says that trained again all the same.
    told(view, { ...completed, sequence: 1 });
    expect(view.own.evalSets).toEqual([evaluation]);
  });

  test('the next round after a failed one begins with Train/Waiting', () => {
    const view = running();
    told(view, event(1, 'Failed'));
    failed(view, 'WorkerFailed');
    beginRound(view, take);
    expect(types(view)).toEqual(['Waiting', 'Failed', 'Waiting']);
    expect(view.own).toMatchObject({ round: 2, suspended: undefined, beyond: undefined });
  });

  test('each take-up has a number of its own, and only one round runs', () => {
    const view = running();
    expect(retryRound(view)).toBe('a round is running');
    const numbers: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      failed(view, 'WorkerFailed');
      expect(retryRound(view)).toBeUndefined();
      expect(again(view)).toBe(true);
      numbers.push(view.own.current?.resumed);
    }
    expect(numbers).toEqual([1, 2, 3]);
    failed(view, 'WorkerFailed');
    view.own.mode = 'pause';
    expect(retryRound(view)).toBe('it is paused; resume it first');
  });

  test('a round that has heard stop goes on when somebody has said resume since', () => {
    const view = running();
    endRound(view, { kind: 'stopped', progress: { trained: [model] } });
    expect(view.own.current).toMatchObject({ plan: { round: 1 }, stage: 'Eval', resumed: 1 });
    expect(view.own.suspended).toBeUndefined();
    view.own.mode = 'stop';
    endRound(view, { kind: 'stopped', progress: { trained: [model] } });
    expect(view.own).toMatchObject({ current: undefined, suspended: { stage: 'Eval' } });
  });

  test('what it tells is bounded', () => {
    const view = running();
    for (let i = 0; i < 200; i++) note(view.own, { stage: 'Train', type: 'Ready' });
    expect(view.own.conditions).toHaveLength(maxConditions);
  });
});

describe('a round that is retried', () => {
  const prepared = { trainUrl: '/t', train: set(1), evalUrl: '/e', evalSamples: 2, evaluation: set(1) };
  function set(round: number) {
    return { round, samples: 2, blob: { uri: 'u', sha256: 's', bytes: 1 } };
  }
  const modelNamed = (name: string, value: object): JobViewChange['override'] => {
    const ref = { kind: 'Model', namespace: 'default', name };
    return { [entityId(ref)]: { ref, exists: true, uid: `uid-${name}`, value } };
  };

  /** Its own state after a round that failed with such results, seen by a job that was edited since. */
  function edited(progress: RoundProgress, change: JobViewChange): JobView {
    const view = running();
    endRound(view, { kind: 'failed', stage: 'Eval', problem: { reason: 'WorkerFailed', message: 'm' }, progress });
    const after = jobView({ manifest: true, ...change, own: view.own });
    expect(retryRound(after)).toBeUndefined();
    return after;
  }

  test('runs with the manifest, fields, formats and nodes of now; samples, results and base stay', () => {
    const progress = { prepared, trained: [model] };
    const view = edited(progress, {
      fields: { trainProb: 0.5, eval: { templateDigest: 'mended' }, deploy: { templateDigest: 'd', node: 'cloud-1' } },
      override: {
        ...modelNamed('initial', { url: '/other.onnx', format: 'pb', devices: [] }),
        ...modelNamed('deployed', { url: '/there.onnx', format: 'om', devices: [] }),
      },
    });
    Object.assign(view.desired, { manifest: { uri: 'u2', sha256: 'mended', bytes: 1 } });
    expect(again(view)).toBe(true);
    expect(view.own.current).toMatchObject({
      resumed: 1,
      stage: 'Eval',
      progress,
      plan: {
        ...{ round: 1, take, base: { url: '/initial.onnx' }, manifest: { sha256: 'mended' } },
        // None of the samples that have trained evaluates.
        fields: { eval: { templateDigest: 'mended' }, trainProb: 0.8 },
        formats: { initial: 'pb', deploy: 'om' },
        deployUrl: '/there.onnx',
        nodes: { data: 'edge-1', deploy: 'cloud-1' },
      },
    });
    expect(view.own.nodes).toContain('cloud-1');
    expect(view.own.suspended).toBeUndefined();
  });

  test('before it has trained, another share or initial model counts, and its samples are cut anew', () => {
    const view = edited(
      { prepared },
      { fields: { trainProb: 0.5 }, override: modelNamed('initial', { url: '/mended.onnx', format: 'onnx' }) },
    );
    expect(again(view)).toBe(true);
    expect(view.own.current?.progress).toEqual({});
    expect(view.own.current?.plan).toMatchObject({
      base: { url: '/mended.onnx' },
      take: { ...take, trainSamples: 5 },
      fields: { trainProb: 0.5 },
    });
    const unchanged = edited({ prepared }, {});
    expect(again(unchanged)).toBe(true);
    expect(unchanged.own.current?.progress).toEqual({ prepared });
  });

  test('after its samples have moved to another node they are cut there', () => {
    const ref = { kind: 'Dataset', namespace: 'default', name: 'data' };
    const value = { url: '/data.txt', format: 'txt', nodeName: 'cloud-1' };
    const view = edited(
      { prepared, trained: [model] },
      { override: { [entityId(ref)]: { ref, exists: true, uid: 'uid-data', value } } },
    );
    expect(again(view)).toBe(true);
    expect(view.own.current?.progress).toEqual({ prepared: undefined, trained: [model] });
  });

  test('waits while the job is paused', () => {
    const view = edited({}, {});
    view.own.mode = 'pause';
    expect(again(view)).toBe(false);
    view.own.mode = 'run';
    expect(again(view)).toBe(true);
    expect(again(view)).toBe(false);
  });
});

describe('what a new model is compared with', () => {
  const blob = { uri: 'file:///b', sha256: 'b', bytes: 1 };
  const evaluationModel = (url: string): JobViewChange => {
    const ref = { kind: 'Model', namespace: 'default', name: 'judge' };
    const state = { ref, exists: true, uid: 'uid-judge', value: { url, format: 'onnx', devices: [] } };
    return { manifest: true, fields: { evalModel: 'judge' }, override: { [entityId(ref)]: state } };
  };
  const baselineOf = (change: JobViewChange, own: JobView['own']) => {
    const view = jobView({ ...change, own });
    beginRound(view, take);
    return view.own.current?.plan.baseline;
  };

  test('the evaluation Model, and from the first deployment on what was deployed, on whatever node', () => {
    const view = jobView(evaluationModel('/judge.onnx'));
    beginRound(view, take);
    expect(view.own.current?.plan.baseline).toEqual({ url: '/judge.onnx', format: 'onnx' });
    endRound(view, { kind: 'completed', deployed: false, reason: 'r', message: 'm' });
    expect(baselineOf(evaluationModel('/judge.onnx'), view.own)).toEqual({ url: '/judge.onnx', format: 'onnx' });
    beginRound(view, take);
    endRound(view, { kind: 'completed', deployed: true, reason: 'r', message: 'm', blob });
    expect(baselineOf(evaluationModel('/judge.onnx'), view.own)).toEqual({ url: '/judge.onnx', format: 'onnx', blob });
    // Another file, or the deployed Model, is meant as it is.
    expect(baselineOf(evaluationModel('/new.onnx'), view.own)).toEqual({ url: '/new.onnx', format: 'onnx' });
    expect(baselineOf({ manifest: true }, view.own)).toEqual({ url: '/deployed.onnx', format: 'onnx' });
  });
});
