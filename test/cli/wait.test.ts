import { expect, test } from '@jest/globals';
import { predicate } from '../../cli/wait.ts';
import type { Manifest } from '../../crds/lib/kind.ts';

const object = (generation: number, status: object): Manifest => ({
  ...{ apiVersion: 'sedna.io/v1alpha1', kind: 'JointInferenceService', spec: {} },
  metadata: { name: 'digits', generation },
  status: { observedGeneration: 1, ...status },
});

test.each([
  ['condition=Available', { conditions: [{ type: 'Available', status: 'True' }] }],
  ['condition=Progressing=False', { conditions: [{ type: 'Progressing', status: 'False' }] }],
  ['condition=available=true', { conditions: [{ type: 'Available', status: 'True' }] }],
  ['phase=Running', { phase: 'Running' }],
  ['phase=running', { phase: 'Running' }],
])('%s says nothing of an edit that was not seen yet', (what, status) => {
  expect(predicate(what)(object(1, status))).toBe(true);
  expect(predicate(what)(object(2, status))).toBe(false);
});

test('a round that has ended has ended, whatever was edited since', () => {
  expect(predicate('round=2')(object(2, { lastRound: { round: 2 } }))).toBe(true);
  expect(predicate('round=3')(object(2, { lastRound: { round: 2 } }))).toBe(false);
});

test('nothing there', () => {
  expect(predicate('delete')(undefined)).toBe(true);
  expect(predicate('phase=Running')(undefined)).toBe(false);
});

test.each(['tomorrow', 'round=soon', 'round=-1', 'phase='])('--for %s is not understood', (what) => {
  expect(() => predicate(what)).toThrow(`--for ${what} is not understood`);
});
