import { describe, expect, test } from '@jest/globals';
import { assess, type JobView } from '../../../../workflows/lib/incremental/situation.ts';
import { keyOf, onTriggered, waitingOf, type Waiting } from '../../../../workflows/lib/incremental/waiting.ts';
import { jobView } from '../../support/view.ts';

const take = { from: 0, to: { samples: 10, digest: 'd' }, trainSamples: 8 };
const waitsWith = (view: JobView) => waitingOf(view, assess(view).situation);
function waiting(view: JobView): Waiting {
  const asked = waitsWith(view);
  if (asked === undefined) throw new Error('it does not wait');
  return asked;
}

describe('what a job waits with', () => {
  test('nothing while it is paused, stopped, in a round, or about to retry', () => {
    const view = jobView({ manifest: true });
    expect(waitsWith(view)).toMatchObject({ node: 'edge-1', input: { trainProb: 0.8, cursor: { samples: 0 } } });
    for (const mode of ['pause', 'stop'] as const)
      expect(waitsWith(jobView({ manifest: true, own: { mode } }))).toBe(undefined);
    expect(waitsWith(jobView({ manifest: false }))).toBeUndefined();
    onTriggered(view, waiting(view), { take, restarted: false });
    expect(view.own).toMatchObject({ round: 1, current: { plan: { take } } });
    expect(waitsWith(view)).toBeUndefined();
  });

  test('a dataset that has moved to another node is another thing to wait for', () => {
    const asked = waiting(jobView({ manifest: true }));
    expect(keyOf({ ...asked, node: 'cloud-1' })).not.toBe(keyOf(asked));
  });
});

describe('an answer to what is no longer asked begins no round', () => {
  const problem = { reason: 'WorkerFailed', message: 'm' };
  test.each<[string, (view: JobView) => void]>([
    ['paused', ({ own }) => void (own.mode = 'pause')],
    ['stopped', ({ own }) => void (own.mode = 'stop')],
    ['triggered', ({ own }) => void (own.manual = true)],
    ['edited', ({ desired }) => void (desired.fields = { ...desired.fields, trainProb: 0.5 })],
    ['another dataset', ({ desired }) => void (desired.fields = { ...desired.fields, dataset: 'other' })],
    [
      'retried',
      (view) => {
        const { current } = failedBefore();
        if (current !== undefined) view.own.suspended = { ...current, stage: 'Train', problem, again: true };
      },
    ],
  ])('%s', (_name, change) => {
    const view = jobView({ manifest: true });
    const asked = waiting(view);
    change(view);
    onTriggered(view, asked, { take, restarted: true });
    expect(view.own.round).toBe(0);
    expect(view.own.current).toBeUndefined();
  });

  function failedBefore() {
    const view = jobView({ manifest: true });
    onTriggered(view, waiting(view), { take, restarted: false });
    return view.own;
  }

  test('what somebody said by trigger is not forgotten with it', () => {
    const view = jobView({ manifest: true });
    const asked = waiting(view);
    view.own.manual = true;
    onTriggered(view, asked, { take, restarted: false });
    expect(waiting(view).input.manual).toBe(true);
    onTriggered(view, waiting(view), { take, restarted: false });
    expect(view.own).toMatchObject({ round: 1, manual: false });
  });
});
