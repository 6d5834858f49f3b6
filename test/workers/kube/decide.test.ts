import { expect, test } from '@jest/globals';
import { finalizer } from '../../../activities/control/kube/objects.ts';
import { decide, type KubeObject } from '../../../workers/kube/decide.ts';

const object = (metadata: Partial<KubeObject['metadata']>, status?: KubeObject['status']): KubeObject => ({
  metadata: { name: 'n', namespace: 'd', uid: 'u', generation: 2, ...metadata },
  ...(status === undefined ? {} : { status }),
});
const trigger = (value: string) => ({ annotations: { 'sedna.io/trigger': value } });

test.each([
  ['new', object({}), 'apply'],
  ['edited', object({}, { observedGeneration: 1 }), 'apply'],
  ['observed', object({}, { observedGeneration: 2 }), 'ensure'],
  ['new verb', object(trigger('a'), { observedGeneration: 2 }), 'apply'],
  ['another value', object(trigger('b'), { observedGeneration: 2, handledVerbs: { trigger: 'a' } }), 'apply'],
  ['handled verb', object(trigger('a'), { observedGeneration: 2, handledVerbs: { trigger: 'a' } }), 'ensure'],
  ['going, ours', object({ deletionTimestamp: 'now', finalizers: ['x', finalizer] }), 'remove'],
  ['going, not ours', object({ deletionTimestamp: 'now', finalizers: ['x'] }), 'ignore'],
  ['going, nobody', object({ deletionTimestamp: 'now' }), 'ignore'],
])('%s: %s', (_name, given, decision) => expect(decide(given)).toBe(decision));
